"""The Hessian streams its inputs, and of both ways to round the one that loses less is taken."""

import numpy as np

from convertkit.quantization import hessian as module
from convertkit.quantization.hessian import hessian_of, output_error, rounded_better, rounded_to_nearest
from convertkit.quantization.windows import product_columns

RANDOM = np.random.default_rng(0)
WEIGHTS = RANDOM.normal(size=(1, 5, 12))


def columns(given, most):
    return product_columns(given, most, np.random.default_rng(0))


def correlated(count):
    mixing = np.random.default_rng(1).normal(size=(3, 12))
    values = np.random.default_rng(2).normal(size=(count, 7, 3)) @ mixing
    return values.astype(np.float32)


def test_it_is_twice_the_mean_product_of_all_columns():
    given = correlated(6)
    rows = given.reshape(-1, 12).astype(np.float64)
    found = hessian_of(WEIGHTS, given, len(given), columns)
    np.testing.assert_allclose(found[0], 2 * rows.T @ rows / len(rows), rtol=1e-5)


def test_of_many_positions_each_call_gives_its_share(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "LEAST_POSITIONS", 96)
    hessian_of(WEIGHTS, correlated(8), 8, lambda given, most: asked.append(most) or columns(given, most))
    assert asked == [12] * 8


def test_no_call_brings_more_columns_than_fit(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "MOST_ENTRIES", 12 * 5)
    hessian_of(WEIGHTS, correlated(2), 2, lambda given, most: asked.append(most) or columns(given, most))
    assert asked == [5, 5]


def test_of_both_ways_the_better_one_is_taken(monkeypatch):
    found = hessian_of(WEIGHTS, correlated(20), 20, columns)
    plain = rounded_to_nearest(WEIGHTS, 127)
    better = rounded_better(WEIGHTS, found, 127)
    assert output_error(better - WEIGHTS, found) < 0.2 * output_error(plain - WEIGHTS, found)
    monkeypatch.setattr(module, "round_compensated", lambda weights, *_: np.zeros_like(weights))
    np.testing.assert_array_equal(rounded_better(WEIGHTS, found, 127), plain)
