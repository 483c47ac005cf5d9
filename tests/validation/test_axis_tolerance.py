"""What is allowed at other sizes than the samples'."""

from __future__ import annotations

import numpy as np
import pytest

from convertkit.artifacts.formats import Precision
from convertkit.validation.axis_tolerance import axis_tolerance
from convertkit.validation.gate import judge
from convertkit.validation.tolerance import DEFAULT_TOLERANCES, Tolerance
from tests.validation.outputs import draw

INT8 = DEFAULT_TOLERANCES[Precision.INT8]


def test_other_sizes_are_held_to_the_tolerance_where_it_was_reached_with_room() -> None:
    wanted = np.random.default_rng(0).normal(size=(50, 4))
    close = judge({"y": wanted}, {"y": wanted + 1e-6}, Tolerance(60.0))
    assert axis_tolerance(close).min_sqnr_db == 60.0


def test_other_sizes_may_be_somewhat_worse_where_accuracy_decided() -> None:
    wanted = np.random.default_rng(0).normal(size=(50, 4))
    rough = judge({"y": wanted}, {"y": wanted + 0.3}, Tolerance(20.0))
    reached = rough.outputs[0].sqnr_db
    assert reached < 20
    assert axis_tolerance(rough).min_sqnr_db == pytest.approx(reached - 10)


def test_few_samples_of_a_discrete_output_may_differ_once() -> None:
    labels = np.arange(100) % 10
    found = judge({"label": labels}, {"label": labels.copy()}, Tolerance(20.0, min_agreement=0.9))
    tolerance = axis_tolerance(found)
    assert tolerance.min_agreement == pytest.approx(0.8)
    assert tolerance.min_sqnr_db == 20.0


def beside_an_offset(count: int, error: float) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A channel of 1000 +- 20, and one that is off by some error."""
    wanted = draw(count, 4, 10)
    wanted[:, 2] = 1000 + 20 * wanted[:, 2]
    got = wanted.copy()
    got[:, 2] += error * draw(count, 10, seed=3)
    return {"y": wanted}, {"y": got}


def test_an_integer_artifact_with_little_left_between_samples_may_have_somewhat_less_at_other_sizes() -> None:
    found = judge(*beside_an_offset(64, 20), INT8)
    reached = found.outputs[0].variation_db
    assert reached < INT8.min_variation_db
    assert axis_tolerance(found).min_variation_db == pytest.approx(reached - 10)
    assert judge(*beside_an_offset(5, 20), axis_tolerance(found)).is_passed


def test_an_integer_artifact_within_two_steps_may_be_just_beyond_them_at_other_sizes() -> None:
    found = judge(*beside_an_offset(64, 7), INT8)
    assert found.is_passed
    assert found.outputs[0].variation_db is None
    assert axis_tolerance(found).min_variation_db == INT8.min_variation_db - 10


def test_a_float_artifact_has_to_keep_as_much_of_what_differs_at_other_sizes() -> None:
    tolerance = DEFAULT_TOLERANCES[Precision.FLOAT32]
    wanted = {"y": draw(50, 4)}
    close = judge(wanted, {"y": wanted["y"] * np.float32(1 + 1e-6)}, tolerance)
    assert axis_tolerance(close).min_variation_db == tolerance.min_variation_db
