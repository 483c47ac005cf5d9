"""What the validator decides by itself; its runs are in test_pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from convertkit.errors import NotMeasuredError
from convertkit.validation.axes import axis_tolerance
from convertkit.validation.gate import judge
from convertkit.validation.tolerance import Tolerance
from convertkit.validation.validator import check_comparable


def test_a_source_without_a_finite_value_cannot_be_checked() -> None:
    good = np.ones((3, 2), np.float32)
    partly = good.copy()
    partly[0, 0] = np.nan
    check_comparable({"a": good, "b": partly})
    with pytest.raises(NotMeasuredError, match="'b' has no finite value") as caught:
        check_comparable({"a": good, "b": np.full((3, 2), np.nan)})
    assert caught.value.exit_code == 8


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
