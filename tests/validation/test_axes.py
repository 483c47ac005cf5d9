"""Which sizes of a free axis are tried, which count, and what is wrong at one of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.artifacts.signature import Arrays, Signature, TensorSpec
from convertkit.artifacts.tensors import read_npz
from convertkit.errors import StageError
from convertkit.samples.examples import axis_sizes
from convertkit.samples.intake import Intake
from convertkit.samples.samples import Samples, Split
from convertkit.validation.axes import AxisChecker, are_of_a_kind
from convertkit.validation.tolerance import Tolerance

INPUTS = (TensorSpec("x", "float32", ("batch", "width", 2)),)
SIGNATURE = Signature(INPUTS, (TensorSpec("y", "float32", ("batch", "width")),))
SOURCE = Artifact(Variant(Format.TORCH), "model.pt2", SIGNATURE)
SAMPLES = Samples("file", "", {"x": np.random.default_rng(0).normal(size=(20, 8, 2)).astype(np.float32)})
USUAL = {"y": SAMPLES.arrays["x"][:].sum(-1)}


def artifact(precision: Precision) -> Artifact:
    return Artifact(Variant(Format.TFLITE, precision), "model.tflite", SIGNATURE)


def checked(tmp_path: Path, precision: Precision, source, candidate, ranges=None):
    """What is found where `source` and `candidate` are functions of x."""
    sizes = axis_sizes(INPUTS, SAMPLES, ranges or {})
    intake = Intake(None, SOURCE, SAMPLES, Split((), tuple(range(20))), sizes)  # type: ignore[arg-type]

    def infer(artifact: Artifact, inputs: Path, chunk: int) -> Arrays:
        return {"y": (source if artifact is SOURCE else candidate)(read_npz(inputs)["x"])}

    found = AxisChecker(infer, intake, USUAL, tmp_path).check(artifact(precision), Tolerance(20.0))
    return found.fault, {row.name: row for row in found.rows}


def right(x):
    return x.sum(-1)


def only(sizes):
    """A function that takes these widths alone."""

    def function(x):
        if x.shape[1] not in sizes:
            raise StageError(f"kernel larger than {x.shape[1]}")
        return right(x)

    return function


def test_two_near_sizes_are_proven(tmp_path):
    fault, rows = checked(tmp_path, Precision.FLOAT32, right, right)
    assert not fault
    assert rows["width"].sizes_checked == (12, 4)
    assert rows["batch"].sizes_checked == (1, 3)
    assert all(row.kept and not row.note for row in rows.values())


def test_a_size_that_the_source_does_not_take_is_no_fault(tmp_path):
    fault, rows = checked(tmp_path, Precision.FLOAT32, only({8, 12, 16}), only({8, 12, 16}))
    assert not fault
    assert rows["width"].sizes_checked == (12, 16)


@pytest.mark.parametrize(
    "odd",
    [
        lambda x: right(x)[:, :0],  # a pool larger than the image: ONNX Runtime gives nothing
        lambda x: right(x) * np.nan,
        lambda x: right(x) * 0 + 0.1,  # a mean over nothing, and a bias
        lambda x: right(x)[..., np.newaxis],
        lambda x: right(x).astype(np.int64),
    ],
    ids=["empty", "NaN", "the same for every sample", "another rank", "another type"],
)
def test_a_size_at_which_the_source_gives_another_kind_is_no_fault(tmp_path, odd):
    fault, rows = checked(
        tmp_path, Precision.FLOAT32, lambda x: odd(x) if x.shape[1] < 8 else right(x), right
    )
    assert not fault
    assert rows["width"].sizes_checked == (12, 16)


def test_a_source_that_takes_its_own_size_alone_proves_nothing(tmp_path):
    fault, rows = checked(tmp_path, Precision.FLOAT32, only({8}), only({8}))
    assert not fault
    assert not rows["width"].kept
    assert "the source itself runs at too few of the sizes tried (12, 4, 16" in rows["width"].note


def test_a_smaller_size_at_which_the_artifact_gives_nothing_is_noted(tmp_path):
    """A pool larger than what is left: ONNX Runtime clips it, TensorFlow's mean over nothing is NaN."""
    fault, rows = checked(
        tmp_path, Precision.FLOAT32, right, lambda x: right(x) * (np.nan if x.shape[1] < 8 else 1)
    )
    assert not fault
    assert rows["width"].sizes_checked == (12, 16)
    assert rows["width"].kept
    assert rows["width"].note == "wrong at width = 4: output 'y' has 60 wrong NaN or Inf"


@pytest.mark.parametrize("scale", [np.nan, 2.0], ids=["nothing", "something else"])
def test_a_smaller_size_is_a_fault_where_the_values_are_wrong_or_nothing_larger_is_right(tmp_path, scale):
    larger = 1 if np.isfinite(scale) else np.nan

    def candidate(x):
        return right(x) * (scale if x.shape[1] < 8 else larger if x.shape[1] > 8 else 1)

    assert checked(tmp_path, Precision.FLOAT32, right, candidate)[0].startswith("wrong at width = ")


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.INT8_DYNAMIC])
def test_a_float_artifact_fails_at_a_size_that_the_source_takes(tmp_path, precision):
    fault, _ = checked(tmp_path, precision, right, only({8}))
    assert fault == "does not run at width = 12: kernel larger than 12"
    fault, _ = checked(tmp_path, precision, right, lambda x: right(x) * (1 if x.shape[1] == 8 else 2))
    assert fault.startswith("wrong at width = 12: ")


def test_an_integer_artifact_is_not_failed_at_sizes_it_was_not_calibrated_at(tmp_path):
    fault, rows = checked(tmp_path, Precision.INT8, right, lambda x: right(x) * (1 if x.shape[1] == 8 else 2))
    assert not fault
    assert not rows["width"].kept
    assert rows["width"].note.startswith("wrong at width = 12: ")


def test_an_integer_artifact_fails_at_another_batch(tmp_path):
    fault, _ = checked(tmp_path, Precision.INT8, right, lambda x: right(x) * 2)
    assert fault.startswith("wrong at batch = 1: ")


def test_bounds_of_the_model_leave_only_sizes_within(tmp_path):
    fault, rows = checked(tmp_path, Precision.FLOAT32, right, right, {"width": (8, 16)})
    assert not fault
    assert rows["width"].sizes_checked == (12, 16)


def test_outputs_of_a_kind_may_be_as_the_usual_ones_are():
    usual = {"y": np.array([[1.0, np.inf]])}
    assert are_of_a_kind({"y": np.array([[np.nan]])}, usual)
    assert not are_of_a_kind({"z": usual["y"]}, usual)
    assert not are_of_a_kind({}, usual)
