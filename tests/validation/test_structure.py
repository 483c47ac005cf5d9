"""What stands for an infinity: the largest number of a type, of the same sign, at the same place."""

from __future__ import annotations

import numpy as np
import pytest

from convertkit.artifacts.formats import Precision
from convertkit.validation.gate import judge
from convertkit.validation.noise import measure_noise
from convertkit.validation.tolerance import DEFAULT_TOLERANCES
from tests.validation.outputs import draw

FLOAT32 = DEFAULT_TOLERANCES[Precision.FLOAT32]
LARGEST = {dtype: float(np.finfo(dtype).max) for dtype in (np.float16, np.float32, np.float64)}


def verdict(reference, candidate, tolerance=FLOAT32):
    return judge({"scores": reference}, {"scores": candidate}, tolerance)


def masked(value: float, dtype=np.float32) -> np.ndarray:
    """Scores [16, 4, 4] of which the upper triangle is ruled out by a value."""
    scores = draw(16, 4, 4).astype(np.float16).astype(dtype)
    scores[:, np.triu(np.ones((4, 4), bool), 1)] = value
    return scores


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_largest_number_of_the_type_stands_for_an_infinity(sign, dtype):
    found = verdict(masked(sign * np.inf), masked(sign * LARGEST[dtype], dtype))
    assert found.is_passed
    assert found.outputs[0].max_abs_error == 0


@pytest.mark.parametrize("value", [-65504, -65490.5])  # as it is, and with a score added
def test_the_largest_half_stands_for_an_infinity_where_weights_are_half(value):
    got = masked(value)
    assert verdict(masked(-np.inf), got, DEFAULT_TOLERANCES[Precision.FLOAT16]).is_passed
    for precision in (Precision.FLOAT32, Precision.INT8):
        assert "wrong NaN or Inf" in verdict(masked(-np.inf), got, DEFAULT_TOLERANCES[precision]).reason


def test_an_infinity_stands_for_the_largest_number_of_the_source():
    assert verdict(masked(-LARGEST[np.float32]), masked(-np.inf)).is_passed
    assert verdict(masked(-LARGEST[np.float16], np.float16), masked(-LARGEST[np.float16])).is_passed


def test_a_wrong_sign_fails():
    found = verdict(masked(-np.inf), masked(LARGEST[np.float32]))
    assert found.reason == "output 'scores' has 96 wrong NaN or Inf"
    assert not verdict(masked(np.inf), masked(-LARGEST[np.float32])).is_passed


@pytest.mark.parametrize("value", [0, -1e4, -6e4, -1e38, np.nan])
@pytest.mark.parametrize("tolerance", DEFAULT_TOLERANCES.values(), ids=DEFAULT_TOLERANCES)
def test_another_number_fails(value, tolerance):
    found = verdict(masked(-np.inf), masked(value), tolerance)
    if tolerance.is_half and value == -1e38:
        assert found.is_passed  # beyond what half holds
    else:
        assert found.reason == "output 'scores' has 96 wrong NaN or Inf"


def test_one_number_that_is_not_the_largest_fails():
    got = masked(-LARGEST[np.float32])
    got[3, 0, 2] = -7
    assert verdict(masked(-np.inf), got).reason == "output 'scores' has 1 wrong NaN or Inf"


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_number_where_the_source_is_finite_fails(sign):
    got = masked(-np.inf)
    got[3, 2, 0] = sign * LARGEST[np.float32]
    for tolerance in DEFAULT_TOLERANCES.values():
        assert not verdict(masked(-np.inf), got, tolerance).is_passed


@pytest.mark.parametrize("value", [-np.inf, -LARGEST[np.float32]])
def test_what_is_ruled_out_hides_nothing(value):
    """Beside 3.4e38 any other error would be as good as none."""
    wanted = masked(value)
    got = wanted.copy()
    got[:, 3, 0] = -got[:, 3, 0]
    assert "dB SQNR" in verdict(wanted, got).reason


def test_what_is_ruled_out_hides_no_noise_of_the_source():
    wanted = masked(-LARGEST[np.float32])
    again = np.where(wanted < -1e30, wanted, wanted + np.float32(0.01))
    found = measure_noise({"scores": wanted}, {"scores": again}, {})["scores"]
    assert 30 < float(found.whole.sqnr_db) < 50


def test_integers_are_as_they_are():
    largest = np.iinfo(np.int32).max
    wanted = np.array([[0, largest]] * 8, np.int32)
    assert verdict(wanted, wanted.copy()).is_passed
