"""Ranges of activations: which of several is chosen, and what layers lose by it."""

import numpy as np
import onnx
import pytest

from convertkit.quantization.layers import Layer
from convertkit.quantization.ranges import (
    MIN_MAX,
    MSE,
    WIDER,
    Chosen,
    Sample,
    Watched,
    first_fold,
    in_rows,
    of_fitted_calls,
    square_error,
    told_methods,
)

pytestmark = pytest.mark.slow

COLUMNS = 16
MOST_LOST = 1e-3


def product(rows):
    """A layer with these weights, [rows, columns]."""
    node = onnx.helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)
    return Layer(node, "w", rows.shape, {"transB": 1}), np.asarray(rows, np.float64)[None]


def dense():
    return product(np.random.default_rng(1).normal(size=(8, COLUMNS)))


def watched(calls, *layers, counts_itself=False):
    """What is chosen for a value that was so on the calls."""
    found = Watched(layers, count=len(calls), counts_itself=counts_itself)
    for values in calls:
        found.see(values.astype(np.float32))
    return found.chosen()


def drawn(count, seed, size=64, draw="normal"):
    random = np.random.default_rng(seed)
    return [getattr(random, draw)(size=(size, COLUMNS)) for _ in range(count)]


def test_the_ends_stay_where_no_other_range_loses_less():
    flat = [np.clip(each, 0, 1) for each in drawn(16, 2, draw="uniform")]
    chosen = watched(flat, dense())
    assert chosen.method == MIN_MAX
    assert (chosen.low, chosen.high) == (0.0, max(float(each.astype(np.float32).max()) for each in flat))


def test_what_is_far_out_once_is_clipped():
    calls = drawn(16, 3)
    calls[5][0, 0] = 400.0
    chosen = watched(calls, dense())
    assert chosen.method not in (MIN_MAX, WIDER)
    assert 2.0 < chosen.high < 20.0
    assert sum(chosen.losses) < 5 * MOST_LOST  # the row that is far out has its part in it


def test_ends_are_wider_where_other_calls_pass_them():
    calls = [1.15 ** (number % 4) * (each - 0.5) for number, each in enumerate(drawn(16, 4, draw="uniform"))]
    chosen = watched(calls, dense())
    assert chosen.method == WIDER
    assert chosen.high > 1.15 * max(float(each.max()) for each in calls)


def test_a_share_of_few_values_is_not_clipped_for_what_the_rest_gain():
    calls = [3 * each for each in drawn(32, 11, size=1)]
    assert watched(calls, dense()).method in (MIN_MAX, WIDER)


def test_a_value_that_something_else_reads_counts_itself():
    rows = np.random.default_rng(6).normal(size=(8, COLUMNS))
    rows[:, 0] = 0  # the layer does not see the channel that is far out
    calls = drawn(16, 7)
    for each in calls:
        each[0, 0] = 50.0
    alone = watched(calls, product(rows))
    shared = watched(calls, product(rows), counts_itself=True)
    assert alone.high < 10
    assert (shared.method, shared.high) == (MIN_MAX, 50.0)


def test_a_range_for_each_row_serves_where_one_row_is_far_larger():
    calls = drawn(16, 8)
    for each in calls:
        each[3] *= 1000
    chosen = watched(calls, dense())
    assert chosen.losses[0] > MOST_LOST
    assert chosen.losses_by_row[0] < MOST_LOST / 10


def test_by_few_calls_the_ends_are_taken():
    (call,) = drawn(1, 9)
    assert watched([call], dense())[:3] == pytest.approx((MIN_MAX, call.min(), call.max()))
    assert watched([np.zeros((4, COLUMNS))], dense())[1:3] == (0.0, 0.0)
    assert watched([np.zeros((4, COLUMNS))] * 6, dense()).losses == (0.0,)


def test_values_of_masks_are_in_no_range():
    masked = drawn(16, 10)
    for each in masked:
        each[0] = np.finfo(np.float32).min
    chosen = watched(masked)
    assert -8 < chosen.low < -2
    assert 2 < chosen.high < 8


def test_ranges_of_a_sample():
    sample, random = Sample(), np.random.default_rng(0)
    for _ in range(50):
        sample.see(random.laplace(size=2000).astype(np.float32), random)
    found = sample.candidates()
    assert found[MIN_MAX] == (sample.low, sample.high)
    assert found[WIDER] == pytest.approx((1.2 * sample.low, 1.2 * sample.high))
    assert found["percentile 99.9"] == pytest.approx((-6.2, 6.2), abs=0.5)
    assert found[MSE][1] < 0.95 * sample.high
    values = np.concatenate(sample.values)
    assert square_error(values, *found[MSE]) < 0.95 * square_error(values, *found[MIN_MAX])


def test_rows_are_rounded_by_themselves():
    rows = np.array([[[0.0, 1.0, 0.5], [0.0, 1000.0, 500.0], [0.0, 0.0, 0.0]]], np.float32)
    np.testing.assert_allclose(in_rows(rows), rows, rtol=5e-3)


def test_both_ways_are_compared_on_calls_that_neither_has_seen():
    calls = drawn(16, 12, size=4)
    calls[4][0, 0] = 9.0
    chosen = {"v": watched(calls, dense()), "w": Chosen(MIN_MAX, -1.0, 1.0)}
    by_method, by_ends = of_fitted_calls(chosen)
    others = [each for number, each in enumerate(calls) if number % 4]
    assert [each.tolist() for each in first_fold(calls)] == [calls[place].tolist() for place in (0, 4, 8, 12)]
    assert set(by_method) == set(by_ends) == {"v"}
    assert by_ends["v"].high == pytest.approx(max(each.max() for each in others))
    assert MIN_MAX not in (by_method["v"].method, by_ends["v"].method)


def test_methods_are_told():
    assert told_methods({"MSE": 6, "wider": 3}) == "ranges of 9 values: 6 MSE, 3 wider"
