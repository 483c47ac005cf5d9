"""Named arrays on disk."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from convertkit.artifacts.tensors import read_npz, write_npz

DTYPES = ("float32", "float16", "float64", "int8", "uint8", "int32", "int64", "bool")
named_arrays = st.dictionaries(
    st.text("abcdefgh_.-/:0123", min_size=1, max_size=12).filter(lambda name: not name.endswith(".npy")),
    npst.arrays(st.sampled_from(DTYPES), npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)),
    max_size=4,
)


@given(named_arrays)
def test_arrays_come_back_in_order_with_type_and_shape(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    write_npz(path, arrays)
    back = read_npz(path)
    assert list(back) == list(arrays)
    for name, values in arrays.items():
        assert back[name].dtype == values.dtype
        assert back[name].shape == values.shape
        np.testing.assert_array_equal(back[name], values)


@pytest.mark.parametrize("name", ["file", "x", "arr_0", "self", "serving_default_x:0", "a/b", "ä"])
def test_any_name_is_kept(tmp_path, name):
    write_npz(tmp_path / "a.npz", {name: np.arange(3)})
    assert read_npz(tmp_path / "a.npz")[name].tolist() == [0, 1, 2]


def test_the_same_arrays_give_the_same_bytes(tmp_path, monkeypatch):
    arrays = {"x": np.arange(10.0), "y": np.zeros((2, 0))}
    write_npz(tmp_path / "a.npz", arrays)
    monkeypatch.setattr("time.time", lambda: 2e9)
    write_npz(tmp_path / "b.npz", arrays)
    digests = {hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("a.npz", "b.npz")}
    assert len(digests) == 1


def test_views_are_written_by_value(tmp_path):
    values = np.arange(24).reshape(2, 3, 4)
    write_npz(tmp_path / "a.npz", {"x": values.transpose(2, 0, 1), "y": values[:, ::-1], "z": 3.0})
    back = read_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(back["x"], values.transpose(2, 0, 1))
    np.testing.assert_array_equal(back["y"], values[:, ::-1])
    assert back["z"].shape == ()


def test_objects_are_neither_written_nor_read(tmp_path):
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(ValueError, match="allow_pickle"):
        write_npz(tmp_path / "a.npz", {"x": objects})
    np.savez(tmp_path / "b.npz", x=objects)
    with pytest.raises(ValueError, match="allow_pickle"):
        read_npz(tmp_path / "b.npz")
