"""Samples: every bad file and array is told in one line; the split is seeded, disjoint and stable."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convertkit.artifacts.signature import TensorSpec
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import SamplesError
from convertkit.recipe import decode_recipe
from convertkit.samples import arrays as module
from convertkit.samples.arrays import LABELS, load_arrays
from convertkit.samples.axes import other_sizes, resized
from convertkit.samples.fit import UNNAMED, fit_samples, specs_from_arrays
from convertkit.samples.readers import inflated
from convertkit.samples.samples import Samples, split_samples
from convertkit.samples.synthetic import synthesize
from convertkit.storage.store import Store
from convertkit.workers.pool import Workers

IMAGE = TensorSpec("image", "float32", ("batch", 1, 8, 8))
MASK = TensorSpec("mask", "bool", ("batch", 8))
INPUTS = (IMAGE, MASK)


@pytest.fixture
def arrays():
    random = np.random.default_rng(0)
    return {
        "image": random.normal(size=(6, 1, 8, 8)).astype(np.float32),
        "mask": random.normal(size=(6, 8)) > 0,
    }


@pytest.fixture
def save(tmp_path):
    def write(**content):
        path = tmp_path / "samples.npz"
        np.savez(path, **content)
        return path

    return write


def refused(path, *words):
    with pytest.raises(SamplesError) as caught:
        load_arrays(path)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 6


def unfit(arrays, *words, inputs=INPUTS):
    with pytest.raises(SamplesError) as caught:
        fit_samples(Samples("file", "", arrays), inputs)
    for word in words:
        assert word in str(caught.value)


class TestGoodFiles:
    def test_npz(self, save, arrays):
        loaded = load_arrays(save(**arrays, labels=np.arange(6)))
        assert loaded.origin == "file"
        assert loaded.count == 6
        assert list(loaded.arrays) == ["image", "mask"]
        assert loaded.labels.tolist() == [0, 1, 2, 3, 4, 5]
        np.testing.assert_array_equal(loaded.take([4, 1])["image"], arrays["image"][[4, 1]])
        assert fit_samples(loaded, INPUTS).arrays.keys() == arrays.keys()

    def test_compressed_npz_is_unpacked_by_a_worker_once(self, tmp_path, arrays, monkeypatch):
        np.savez_compressed(tmp_path / "s.npz", **arrays)
        store = Store(tmp_path / "store")
        first = load_arrays(tmp_path / "s.npz", store)
        monkeypatch.setattr(Workers, "start", None)
        again = load_arrays(tmp_path / "s.npz", store)
        for name, expected in arrays.items():
            for samples in (first, again):
                np.testing.assert_array_equal(samples.take(range(6))[name], expected)
                assert samples.arrays[name].dtype == expected.dtype
        assert first.sha256 == again.sha256

    def test_a_compressed_npz_that_changes_while_it_is_read_is_refused(self, tmp_path, arrays):
        np.savez_compressed(tmp_path / "s.npz", **arrays)
        with pytest.raises(SamplesError, match=r"s\.npz was changed while it was read"):
            inflated(tmp_path / "s.npz", "00", None)

    def test_npy_takes_the_name_of_the_only_input(self, tmp_path, arrays):
        np.save(tmp_path / "s.npy", arrays["image"])
        loaded = load_arrays(tmp_path / "s.npy")
        assert list(loaded.arrays) == [UNNAMED]
        assert list(fit_samples(loaded, (IMAGE,)).arrays) == ["image"]

    def test_the_order_is_that_of_the_inputs(self, arrays):
        turned = dict(reversed(arrays.items()))
        assert list(fit_samples(Samples("file", "", turned), INPUTS).arrays) == ["image", "mask"]

    def test_the_digest_is_that_of_the_file(self, save, arrays):
        import hashlib

        path = save(**arrays)
        assert load_arrays(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()

    def test_an_input_without_a_batch_axis_takes_one_entry_a_sample(self):
        spec = TensorSpec("x", "float32", (3, 4))
        values = {"x": np.zeros((5, 3, 4), np.float32)}
        assert fit_samples(Samples("file", "", values), (spec,)).count == 5

    def test_a_static_batch_does_not_bind_the_number_of_samples(self):
        spec = TensorSpec("x", "float32", (1, 4))
        assert fit_samples(Samples("file", "", {"x": np.zeros((5, 4), np.float32)}), (spec,)).count == 5

    def test_shapes_are_compared_in_the_sources_axis_order(self, arrays):
        spec = TensorSpec("image", "float32", ("batch", 8, 8, 1), axis_order=(0, 2, 3, 1))
        samples = Samples("file", "", {"image": arrays["image"]})
        assert fit_samples(samples, (spec,)).count == 6


class TestBadFiles:
    def test_missing(self, tmp_path):
        refused(tmp_path / "none.npz", "none.npz", "no such file", "--samples takes")

    def test_the_text_of_an_array_is_no_path(self):
        refused(Path(str(np.zeros((40, 40)).tolist())), "no path", "in Python, give the array itself")

    @pytest.mark.parametrize("name", ["s.npz", "s.npy"])
    def test_empty(self, tmp_path, name):
        (tmp_path / name).touch()
        refused(tmp_path / name, "not a readable .npz or .npy")

    @pytest.mark.parametrize(
        "content", [b"<!DOCTYPE html><html>", b"a,b\n1,2\n", b"\x80\x04K\x01.", b"PK\x03\x04"]
    )
    def test_something_else(self, tmp_path, content):
        path = tmp_path / "s.npz"
        path.write_bytes(content)
        refused(path, "not a readable .npz or .npy")

    def test_truncated_npz(self, save, arrays):
        path = save(**arrays)
        path.write_bytes(path.read_bytes()[:-30])
        refused(path, "not a readable")

    @pytest.mark.parametrize("keep", [6, 60, 200])
    def test_truncated_npy(self, tmp_path, arrays, keep):
        path = tmp_path / "s.npy"
        np.save(path, arrays["image"])
        path.write_bytes(path.read_bytes()[:keep])
        refused(path, "not a readable")

    @pytest.mark.parametrize("writer", [np.savez, np.savez_compressed])
    def test_damaged_member(self, tmp_path, arrays, writer):
        path = tmp_path / "s.npz"
        writer(path, image=arrays["image"])
        content = bytearray(path.read_bytes())
        for position in range(200, 300):
            content[position] ^= 0xFF
        path.write_bytes(content)
        refused(path, "not a readable")

    def test_a_member_that_is_no_array(self, save, arrays):
        path = save(**arrays)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("data.pkl", b"\x80\x04K\x01.")
        refused(path, "not a readable")

    def test_an_array_header_that_claims_more_than_there_is(self, tmp_path):
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 50,)}
        )
        path = tmp_path / "s.npy"
        path.write_bytes(header.getvalue() + bytes(64))
        refused(path, "not a readable")
        with zipfile.ZipFile(tmp_path / "s.npz", "w") as archive:
            archive.writestr("x.npy", header.getvalue() + bytes(64))
        refused(tmp_path / "s.npz", "not a readable")

    def test_an_archive_that_would_expand_past_the_limit(self, tmp_path, monkeypatch):
        path = tmp_path / "s.npz"
        np.savez_compressed(path, image=np.zeros((1 << 20,), np.float32))
        monkeypatch.setattr(module, "LARGEST_UNPACKED_BYTES", 3 << 20)
        monkeypatch.setattr(module, "inflated", None)  # nothing may be expanded to find out
        assert path.stat().st_size < 1 << 20
        refused(path, "expands to 4 MiB, over 3 MiB")

    def test_objects_are_never_unpickled(self, save, tmp_path):
        class Evil:
            def __reduce__(self):
                return open, (str(tmp_path / "written"), "w")

        refused(save(image=np.array([Evil()], dtype=object)), "Python objects", "plain numeric arrays")
        assert not (tmp_path / "written").exists()

    def test_no_arrays(self, save):
        refused(save(), "holds no input array")
        refused(save(labels=np.arange(3)), "holds no input array")


class TestBadValues:
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_not_finite(self, save, arrays, bad):
        arrays["image"][3, 0, 2, 2] = bad
        refused(save(**arrays), "'image'", "NaN or Inf", "sample 3")

    def test_not_finite_in_float16(self, save):
        refused(save(x=np.array([[1.0], [np.inf]], np.float16)), "sample 1")

    @pytest.mark.parametrize("shape", [(0,), (0, 3), (4, 0), ()])
    def test_zero_samples(self, save, shape):
        refused(save(image=np.zeros(shape, np.float32)), "'image'", "no samples")

    @pytest.mark.parametrize(
        "values",
        [np.array(["a", "b"]), np.zeros(2, complex), np.zeros(2, "datetime64[s]"), np.zeros(2, "f4,i4")],
    )
    def test_no_numbers(self, save, values):
        refused(save(image=values), "'image'", "numbers are needed")

    def test_different_counts(self):
        unfit(
            {"a": np.zeros((3, 2), np.float32), "b": np.zeros((4, 2), np.float32)},
            "different numbers of samples",
            "a: 3, b: 4",
            inputs=(TensorSpec("a", "float32", ("batch", 2)), TensorSpec("b", "float32", ("batch", 2))),
        )

    def test_different_counts_of_unknown_inputs(self):
        with pytest.raises(SamplesError, match=r"a: 3, b: 4.*--input"):
            specs_from_arrays({"a": np.zeros((3, 2)), "b": np.zeros((4, 2))})

    @pytest.mark.parametrize(
        "labels",
        [
            np.zeros(6, np.float32),
            np.zeros((6, 1), np.int64),
            np.array(3),
            np.array(["cat"] * 6),
            np.ones(6, bool),
        ],
    )
    def test_labels_that_are_not_one_integer_a_sample(self, save, arrays, labels):
        refused(save(**arrays, labels=labels), "'labels'", "one integer a sample")

    @pytest.mark.parametrize("count", [0, 5, 7])
    def test_a_wrong_number_of_labels(self, save, arrays, count):
        refused(save(**arrays, labels=np.zeros(count, np.int64)), "different numbers", f"labels: {count}")

    def test_negative_labels_can_match_no_class(self, save, arrays):
        refused(save(**arrays, labels=np.full(6, -1)), "'labels'", "-1")


class TestUnfitForTheModel:
    def test_missing(self, arrays):
        del arrays["mask"]
        unfit(arrays, "lack mask", "the inputs are image, mask")

    def test_extra(self, arrays):
        unfit({**arrays, "more": arrays["mask"]}, "have more, which the model does not take")

    def test_misnamed(self, arrays):
        arrays["masks"] = arrays.pop("mask")
        unfit(arrays, "lack mask and have masks")

    def test_unnamed_for_two_inputs(self, arrays):
        unfit({UNNAMED: arrays["image"]}, "lack image, mask", "(unnamed)")

    def test_wrong_type(self, arrays):
        arrays["image"] = arrays["image"].astype(np.float64) * 1e300
        unfit(arrays, "'image' is float64, the model takes float32", ".astype('float32')")

    @pytest.mark.parametrize(
        "shape", [(6, 1, 8, 9), (6, 1, 9, 8), (6, 8, 8, 1), (6, 8, 8), (6,), (6, 1, 1, 1, 8, 8)]
    )
    def test_wrong_shape(self, arrays, shape):
        arrays["image"] = np.zeros(shape, np.float32)
        unfit(arrays, f"'image' has shape {list(shape)}, the model takes [batch,1,8,8]")

    def test_a_size_that_is_free_fits(self, arrays):
        spec = TensorSpec("image", "float32", ("batch", 1, "height", 8))
        arrays["image"] = np.zeros((6, 1, 5, 8), np.float32)
        assert fit_samples(Samples("file", "", arrays), (spec, MASK)).count == 6

    def test_unnamed_is_checked_as_well(self):
        unfit({UNNAMED: np.zeros((6, 8, 8), np.float32)}, "'image' has shape", inputs=(IMAGE,))


def test_inputs_as_the_samples_show_them(arrays):
    assert specs_from_arrays(arrays) == INPUTS
    assert specs_from_arrays({UNNAMED: np.zeros((4, 2), np.int64)}) == (
        TensorSpec("input", "int64", ("batch", 2)),
    )


class TestSplit:
    @given(st.integers(2, 3000), st.integers(0, 2**31), st.none() | st.integers(1, 64), st.integers(1, 64))
    def test_disjoint_sorted_and_bounded(self, count, seed, calibration, validation):
        options = SampleOptions(calibration=calibration, validation=validation, seed=seed)
        if calibration is not None and calibration >= count:
            with pytest.raises(SamplesError, match="cannot be split"):
                split_samples(count, options, needs_calibration=True)
            return
        split = split_samples(count, options, needs_calibration=True)
        both = split.calibration + split.validation
        assert len(set(both)) == len(both)
        assert set(both) <= set(range(count))
        assert len(split.calibration) == (calibration or min(128, count // 2))
        assert 1 <= len(split.validation) <= validation
        assert len(both) == min(count, len(split.calibration) + validation)
        assert split.calibration == tuple(sorted(split.calibration))
        assert split.validation == tuple(sorted(split.validation))

    @given(st.integers(1, 2000), st.integers(0, 2**31))
    def test_without_calibration_all_may_validate(self, count, seed):
        split = split_samples(count, SampleOptions(seed=seed), needs_calibration=False)
        assert split.calibration == ()
        assert len(split.validation) == min(count, 512)

    def test_the_seed_decides(self):
        first = split_samples(100, SampleOptions(seed=1), needs_calibration=True)
        assert split_samples(100, SampleOptions(seed=1), needs_calibration=True) == first
        assert split_samples(100, SampleOptions(seed=2), needs_calibration=True) != first

    def test_it_is_no_mere_cut(self):
        split = split_samples(100, SampleOptions(), needs_calibration=True)
        assert split.calibration != tuple(range(25))

    def test_it_is_the_same_in_another_process(self):
        code = (
            "from convertkit.samples.samples import split_samples\n"
            "from convertkit.config.run_settings import SampleOptions\n"
            "print(split_samples(50, SampleOptions(seed=7), needs_calibration=True).calibration)"
        )
        printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        expected = split_samples(50, SampleOptions(seed=7), needs_calibration=True)
        assert printed.stdout.strip() == str(expected.calibration)

    def test_one_sample_cannot_be_split(self):
        with pytest.raises(SamplesError, match="1 samples cannot be split") as caught:
            split_samples(1, SampleOptions(), needs_calibration=True)
        key = next(word for word in caught.value.hint.split() if "." in word)
        section, option = key.split(".")
        decode_recipe({section: {option: 1}}, "the hint's key")  # a recipe takes what the hint names


class TestSynthetic:
    def test_types_and_shapes(self):
        specs = (
            IMAGE,
            MASK,
            TensorSpec("ids", "int64", ("batch", "length")),
            TensorSpec("x", "float16", (3,)),
        )
        samples = synthesize(specs, 0)
        assert samples.origin == "synthetic"
        assert samples.labels is None
        assert {name: (values.dtype.name, values.shape) for name, values in samples.arrays.items()} == {
            "image": ("float32", (32, 1, 8, 8)),
            "mask": ("bool", (32, 8)),
            "ids": ("int64", (32, 32)),
            "x": ("float16", (32, 3)),
        }
        assert set(np.unique(samples.arrays["ids"])) == {0, 1}
        assert fit_samples(samples, specs).count == 32

    def test_integers_that_the_model_looks_up_are_drawn_from_all_it_has(self):
        specs = (TensorSpec("ids", "int64", ("batch", "length")), TensorSpec("mask", "int64", ("batch", 9)))
        arrays = synthesize(specs, 0, {"ids": 500}).arrays
        assert 400 < arrays["ids"][:].max() < 500
        assert set(np.unique(arrays["mask"])) == {0, 1}
        few = synthesize((TensorSpec("byte", "uint8", ("batch", 64)),), 0, {"byte": 70_000}).arrays["byte"]
        assert 240 < few[:].max() <= 255

    def test_seeded(self):
        assert synthesize(INPUTS, 1).sha256 == synthesize(INPUTS, 1).sha256
        assert synthesize(INPUTS, 1).sha256 != synthesize(INPUTS, 2).sha256


class TestOtherSizes:
    @given(st.integers(1, 600), st.booleans(), st.integers(1, 20), st.none() | st.integers(1, 2000))
    def test_never_the_exported_one_never_twice_never_out_of_range(self, exported, is_batch, lowest, highest):
        sizes = other_sizes(exported, is_batch=is_batch, lowest=lowest, highest=highest)
        assert exported not in sizes
        assert len(set(sizes)) == len(sizes)
        assert all(lowest <= size and (highest is None or size <= highest) for size in sizes)

    @pytest.mark.parametrize("is_batch", [True, False])
    @pytest.mark.parametrize("exported", [1, 2, 3, 4, 7, 8, 32, 77, 224])
    def test_two_where_nothing_limits_them(self, exported, is_batch):
        assert len(other_sizes(exported, is_batch=is_batch)) >= 2

    @pytest.mark.parametrize(
        ("exported", "first"),
        [(640, [672, 608]), (48, [64, 32]), (224, [256, 192]), (32, [48, 16]), (28, [32, 24]), (7, [8, 6])],
    )
    def test_near_sizes_that_a_stride_divides_come_first(self, exported, first):
        assert other_sizes(exported, is_batch=False)[:2] == first

    def test_resized_arrays_are_cut_or_repeated(self):
        spec = TensorSpec("ids", "int64", ("batch", "length"))
        fixed = TensorSpec("x", "int64", ("batch", 3))
        arrays = {"ids": np.array([[2, 0, 1], [3, 4, 5]]), "x": np.arange(6).reshape(2, 3)}
        longer = resized((spec, fixed), arrays, "length", 5)
        assert longer["ids"].tolist() == [[2, 0, 1, 2, 0], [3, 4, 5, 3, 4]]
        assert longer["x"].shape == (2, 3)
        assert resized((spec, fixed), arrays, "length", 2)["ids"].tolist() == [[2, 0], [3, 4]]
        assert resized((spec, fixed), arrays, "batch", 3)["ids"][:, 0].tolist() == [2, 3, 2]

    def test_what_rises_in_every_sample_does_so_at_another_size(self):
        offsets = TensorSpec("offsets", "int64", ("batch",))
        arrays = {"offsets": np.array([[0, 3, 3, 9], [0, 1, 2, 3]])}
        assert resized((offsets,), arrays, "batch", 6)["offsets"].tolist() == [
            [0, 0, 3, 3, 3, 9],
            [0, 0, 1, 1, 2, 3],
        ]
        call = {"offsets": np.array([0, 3, 9])}
        assert resized((offsets,), call, "batch", 4, are_samples=False)["offsets"].tolist() == [0, 0, 3, 9]
        labels = TensorSpec("labels", "int64", ("batch",))
        rising = {"labels": np.array([0, 1, 2])}  # one a sample
        assert resized((labels,), rising, "batch", 4)["labels"].tolist() == [0, 1, 2, 0]

    def test_an_axis_shared_by_inputs_is_resized_in_all_of_them(self):
        specs = (
            TensorSpec("ids", "int64", ("batch", "length")),
            TensorSpec("mask", "bool", ("batch", 1, "length", "length")),
        )
        arrays = {"ids": np.zeros((2, 4), np.int64), "mask": np.ones((2, 1, 4, 4), bool)}
        result = resized(specs, arrays, "length", 6)
        assert result["ids"].shape == (2, 6)
        assert result["mask"].shape == (2, 1, 6, 6)


def test_labels_is_the_reserved_name():
    assert LABELS == "labels"
