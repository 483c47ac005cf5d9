"""Outputs that a run keeps: written, read, cut to what fits."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from convertkit.config.run_settings import GateOptions
from convertkit.errors import UsageError
from convertkit.validation.kept import INDEX, Index, Kept, read_kept, write_kept

RNG = np.random.default_rng(0)


def kept_of(count=10, classes=4):
    """Two artifacts' outputs, one of them the source's."""
    scores = RNG.standard_normal((count, classes)).astype(np.float32)
    index = Index(
        source="torch:float32",
        variants=("torch:float32", "tflite:int8"),
        samples=count,
        of=count,
        gate=GateOptions(),
    )
    outputs = {"torch:float32": {"y": scores}, "tflite:int8": {"y": scores + np.float32(0.01)}}
    again = {"y": scores[:3] + np.float32(1e-6)}
    masks = {"y": np.ones(count, bool)}
    return Kept(index, outputs, again, masks, np.arange(count) + 100, scores.argmax(-1))


def test_what_is_read_is_what_was_written(tmp_path):
    kept = kept_of()
    write_kept(kept, tmp_path)
    back = read_kept(tmp_path)
    assert back.index == kept.index
    for variant, arrays in kept.outputs.items():
        np.testing.assert_array_equal(back.outputs[variant]["y"], arrays["y"])
    np.testing.assert_array_equal(back.again["y"], kept.again["y"])
    np.testing.assert_array_equal(back.masks["y"], kept.masks["y"])
    np.testing.assert_array_equal(back.labels, kept.labels)
    assert back.grounds.rows == list(range(100, 110))
    assert set(back.grounds.noise) == {"y"}


@pytest.mark.parametrize(("limit", "count"), [(320, 10), (319, 9), (32, 1), (31, 0)])
def test_as_many_samples_are_kept_as_fit(limit, count):
    cut = kept_of().first(limit)  # a sample takes 2 × 4 × 4 bytes
    assert (cut.index.samples, cut.index.of) == (count, 10)
    assert {len(arrays["y"]) for arrays in cut.outputs.values()} == {count}
    assert (len(cut.rows), len(cut.labels), len(cut.masks["y"])) == (count, count, count)
    assert len(cut.again["y"]) == min(3, count)


def test_what_cannot_be_judged_by_is_said_in_one_line(tmp_path):
    with pytest.raises(UsageError, match="the run kept no outputs"):
        read_kept(tmp_path)
    write_kept(kept_of().first(0), tmp_path)
    with pytest.raises(UsageError, match="holds no sample"):
        read_kept(tmp_path)
    write_kept(kept_of(), tmp_path)
    (tmp_path / "tflite.int8.npz").write_bytes(b"PK")
    with pytest.raises(UsageError, match="cannot be read"):
        read_kept(tmp_path)
    (tmp_path / INDEX).write_bytes(msgspec.json.encode({"source": 1}))
    with pytest.raises(UsageError, match="cannot be read"):
        read_kept(tmp_path)
