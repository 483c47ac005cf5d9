"""Sums of squares in one pass over blocks: as NumPy has them of the whole at once."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convertkit.validation import powers
from convertkit.validation.powers import measure_powers
from tests.validation.outputs import draw


@pytest.mark.parametrize("block", [1, 64, 1 << 20])
@pytest.mark.parametrize("shape", [(12,), (12, 5), (12, 3, 4), (1, 7)])
def test_every_sum_for_any_size_of_block(shape, block, monkeypatch):
    monkeypatch.setattr(powers, "BLOCK_ENTRIES", block)
    x, y = draw(*shape).astype(np.float64) + 3, draw(*shape, seed=1).astype(np.float64)
    found = measure_powers(x, y)
    sums, rest = found.positions, tuple(range(1, x.ndim))
    assert sums.signal == pytest.approx((x**2).sum(0))
    assert sums.error == pytest.approx(((y - x) ** 2).sum(0))
    assert sums.varied == pytest.approx(((x - x.mean(0)) ** 2).sum(0))
    assert sums.candidate_varied == pytest.approx(((y - y.mean(0)) ** 2).sum(0))
    assert sums.error_varied == pytest.approx((((y - x) - (y - x).mean(0)) ** 2).sum(0))
    assert sums.peak == pytest.approx(np.abs(y - x).max(0))
    assert found.whole.spread == pytest.approx(((x - x.mean()) ** 2).sum())
    assert found.whole.candidate_spread == pytest.approx(((y - y.mean()) ** 2).sum())
    assert found.sample_error == pytest.approx(((y - x) ** 2).sum(rest))
    assert found.product == pytest.approx((x * y).sum())
    assert (found.low, found.high) == (x.min(), x.max())


def test_slices_along_each_axis():
    x, y = draw(9, 3, 4), draw(9, 3, 4, seed=1)
    sums = measure_powers(x, y).positions
    wide = (y.astype(np.float64) - x) ** 2
    assert sums.along(0).error == pytest.approx(wide.sum((0, 2)))
    assert sums.along(1).error == pytest.approx(wide.sum((0, 1)))
    assert sums.along(1).peak == pytest.approx(np.sqrt(wide.max((0, 1))))
    assert float(sums.along(None).count) == 9 * 3 * 4


@given(st.integers(0, 2**32 - 1))
def test_what_is_not_finite_or_ruled_out_counts_nowhere(seed):
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(6, 5)), random.normal(size=(6, 5))
    valid = random.random((6, 5)) < 0.7
    holes = random.random((6, 5)) < 0.2
    x[holes] = y[holes] = np.inf
    counted = valid & ~holes
    found = measure_powers(x, y, valid)
    assert float(found.whole.count) == counted.sum()
    assert float(found.whole.error) == pytest.approx(((y[counted] - x[counted]) ** 2).sum())
    assert float(found.whole.signal) == pytest.approx((x[counted] ** 2).sum())
    assert found.sample_count.tolist() == counted.sum(1).tolist()


def test_a_small_variation_on_a_large_offset_is_not_lost_to_rounding():
    x = 1000 + 1e-3 * draw(200, 4).astype(np.float64)
    assert measure_powers(x, x).positions.varied == pytest.approx(((x - x.mean(0)) ** 2).sum(0), rel=1e-6)


def test_memory_stays_near_one_sample():
    x = np.zeros((400, 50_000), np.float32)  # 80 MB
    tracemalloc.start()
    measure_powers(x, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes * 1.5


def test_nothing_is_summed_over_no_elements():
    found = measure_powers(np.zeros((4, 0)), np.zeros((4, 0)))
    assert float(found.whole.count) == 0
    assert found.is_finite
