"""Metrics: their values on cases worked out by hand, and what holds for any arrays."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from convertkit.validation.compare import (
    LARGEST_ERROR,
    OutputMetrics,
    output_metrics,
    sqnr_db,
    top1_accuracy,
    top1_agreement,
)
from convertkit.validation.powers import LARGEST_SQNR_DB

values_2d = npst.arrays(
    np.float32, npst.array_shapes(min_dims=2, max_dims=3, max_side=5), elements=st.floats(-1e3, 1e3, width=32)
)


@given(values_2d)
def test_an_array_against_itself(values):
    row = output_metrics("y", values, values.copy())
    assert row.max_abs_error == 0
    assert row.rmse == 0
    assert row.sqnr_db == LARGEST_SQNR_DB
    assert row.cosine is None if not values.any() else row.cosine == pytest.approx(1)
    assert row.top1_agreement in (None, 1.0)


@given(values_2d, st.integers(0, 2**32 - 1))
def test_bounds_that_hold_for_any_arrays(values, seed):
    other = (values + np.random.default_rng(seed).normal(size=values.shape)).astype(np.float32)
    row = output_metrics("y", values, other)
    assert 0 <= row.rmse <= row.max_abs_error * (1 + 1e-9)
    assert row.max_abs_error > 0
    assert -LARGEST_SQNR_DB <= row.sqnr_db < LARGEST_SQNR_DB
    assert row.cosine is None or -1 - 1e-9 <= row.cosine <= 1 + 1e-9
    assert row.top1_agreement is None or 0 <= row.top1_agreement <= 1


@given(values_2d.filter(lambda values: np.abs(values).max() > 1e-3), st.floats(0.01, 100))
def test_a_common_factor_changes_neither_cosine_nor_sqnr(values, factor):
    noise = np.random.default_rng(0).normal(size=values.shape)
    wide = values.astype(np.float64)
    plain = output_metrics("y", wide, wide + noise)
    scaled = output_metrics("y", wide * factor, (wide + noise) * factor)
    assert scaled.sqnr_db == pytest.approx(plain.sqnr_db, abs=1e-6)
    assert scaled.cosine == pytest.approx(plain.cosine, abs=1e-9)
    assert scaled.rmse == pytest.approx(plain.rmse * factor)


@given(values_2d.filter(lambda values: np.abs(values).max() > 1e-3))
def test_sqnr_sees_a_scale_that_cosine_does_not(values):
    row = output_metrics("y", values, values * 2)
    assert row.cosine == pytest.approx(1)
    assert row.sqnr_db == pytest.approx(0, abs=1e-6)


def test_values_by_hand():
    row = output_metrics("y", np.array([[3.0, 4.0]]), np.array([[3.0, 4.5]]))
    assert row.name == "y"
    assert row.max_abs_error == 0.5
    assert row.rmse == pytest.approx(np.sqrt(0.125))
    assert row.sqnr_db == pytest.approx(20.0)  # 25 against 0.25
    assert row.cosine == pytest.approx((9 + 18) / (5 * np.sqrt(9 + 20.25)))
    assert row.top1_agreement == 1.0


def test_zero_signal():
    zero, some = np.zeros(3), np.array([0.0, 1e-12, 0.0])
    assert sqnr_db(zero, zero) == LARGEST_SQNR_DB
    assert sqnr_db(zero, some) == -LARGEST_SQNR_DB
    assert output_metrics("y", zero, some).cosine is None


def test_entries_that_the_reference_has_not_are_left_out():
    row = output_metrics("y", np.array([[np.nan, 1.0, np.inf]]), np.array([[np.nan, 1.5, np.inf]]))
    assert row.max_abs_error == 0.5
    assert row.rmse == 0.5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.filterwarnings("error")
def test_a_candidate_that_is_not_finite_has_the_worst_numbers_that_json_can_hold(bad):
    row = output_metrics("y", np.array([[1.0, 2.0]]), np.array([[1.0, bad]]))
    assert row.max_abs_error == row.rmse == LARGEST_ERROR
    assert row.sqnr_db == -LARGEST_SQNR_DB
    assert row.cosine is None
    assert msgspec.json.decode(msgspec.json.encode(row), type=OutputMetrics) == row


def test_integers_do_not_wrap():
    row = output_metrics("y", np.array([[0, 255]], np.uint8), np.array([[255, 0]], np.uint8))
    assert row.max_abs_error == 255
    row = output_metrics("y", np.array([[-128, 127]], np.int8), np.array([[127, -128]], np.int8))
    assert row.max_abs_error == 255


def test_booleans_are_compared_as_numbers():
    row = output_metrics("y", np.array([[True, False]]), np.array([[True, True]]))
    assert row.max_abs_error == 1


def test_top1_agreement_counts_rows():
    reference = np.array([[1, 2, 3], [3, 2, 1], [0, 5, 0], [9, 0, 0]])
    candidate = np.array([[1, 2, 3], [0, 2, 1], [0, 5, 0], [0, 0, 9]])
    assert top1_agreement(reference, candidate) == 0.5


@pytest.mark.parametrize("shape", [(4,), (4, 1), (0, 3), ()])
def test_top1_agreement_needs_rows_with_a_choice(shape):
    assert top1_agreement(np.zeros(shape), np.zeros(shape)) is None


def test_top1_accuracy():
    scores = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [2.0, 1.0]])
    assert top1_accuracy(scores, np.array([1, 0, 0, 1])) == 0.5
