"""What is known of inputs and samples before and after a worker looked into the model."""

from __future__ import annotations

import numpy as np
import pytest

from convertkit.artifacts.signature import TensorSpec
from convertkit.errors import UsageError
from convertkit.samples.axes import resized
from convertkit.samples.examples import axis_sizes, example_arrays
from convertkit.samples.inputs import parse_input
from convertkit.samples.samples import Samples

BATCHED = (TensorSpec("x", "float32", ("batch", "length", 4)),)
ONE_SEQUENCE = (TensorSpec("x", "float32", ("length", 4)),)
SAMPLES = Samples("file", "", {"x": np.arange(3 * 6 * 4, dtype=np.float32).reshape(3, 6, 4)})


def test_a_first_axis_that_is_not_the_batch_is_resized_as_such() -> None:
    assert axis_sizes(ONE_SEQUENCE, SAMPLES, {}) == {"length": [8, 4, 12, 3, 10]}
    assert resized(ONE_SEQUENCE, SAMPLES.arrays, "length", 12)["x"].shape == (3, 12, 4)
    assert example_arrays(SAMPLES, ONE_SEQUENCE)["x"].shape == (6, 4)


def test_the_batch_is_checked_at_one_and_the_length_at_sizes_around_its_own() -> None:
    assert axis_sizes(BATCHED, SAMPLES, {}) == {"batch": [1, 3, 5, 4, 7], "length": [8, 4, 12, 3, 10]}
    assert resized(BATCHED, SAMPLES.arrays, "length", 12)["x"].shape == (3, 12, 4)


def test_ranges_of_the_model_bound_the_sizes() -> None:
    sizes = axis_sizes(BATCHED, SAMPLES, {"batch": (2, 4), "length": (1, 8)})
    assert sizes == {"batch": [3, 4], "length": [8, 4, 3]}


def test_an_input_is_parsed() -> None:
    spec = parse_input("image:float32[batch, 3,224,224]")
    assert (spec.name, spec.dtype, spec.shape) == ("image", "float32", ("batch", 3, 224, 224))
    assert parse_input("step:int64[]").shape == ()


@pytest.mark.parametrize(
    "text", ["x", "x:float[3]", "x:float32", "x:float32[0]", "x:float32[-1]", "x:float32[a b]"]
)
def test_what_is_no_input_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--input"):
        parse_input(text)


def test_names_are_taken_as_exporters_write_them() -> None:
    spec = parse_input("serving_default_input 2:0:float32[p2o.DynamicDimension.0,48,unk__330]")
    assert (spec.name, spec.shape) == (
        "serving_default_input 2:0",
        ("p2o.DynamicDimension.0", 48, "unk__330"),
    )
