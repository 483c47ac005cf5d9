"""Which samples of the source count as not finite, and what is said of them; the runs are in tests/run."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from convertkit.validation.source_finite import (
    NonfiniteSource,
    bad_samples,
    clear,
    infinite_samples,
    nan_samples,
)

FINITE = np.arange(12, dtype=np.float32).reshape(4, 3)


def with_value(value: float, *places: tuple[int, int]) -> np.ndarray:
    values = FINITE.copy()
    for place in places:
        values[place] = value
    return values


def test_nan_counts_wherever_it_stands() -> None:
    assert nan_samples(with_value(np.nan, (1, 0), (3, 2))).tolist() == [False, True, False, True]
    assert nan_samples(with_value(np.nan, (0, 1), (1, 1), (2, 1), (3, 1))).all()


def test_an_infinity_at_the_same_place_of_every_sample_is_the_models_own() -> None:
    everywhere = [(row, 1) for row in range(4)]
    assert not infinite_samples(with_value(-np.inf, *everywhere)).any()
    assert infinite_samples(with_value(-np.inf, *everywhere[:3])).tolist() == [True, True, True, False]


def test_infinities_of_either_sign_at_one_place_count() -> None:
    values = with_value(np.inf, *[(row, 1) for row in range(4)])
    values[2, 1] = -np.inf
    assert infinite_samples(values).all()


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.uint8])
def test_integers_and_booleans_are_finite(dtype: type) -> None:
    assert not bad_samples(FINITE.astype(dtype)).any()


def test_what_is_said() -> None:
    found = NonfiniteSource(
        samples=3, of=256, nan=3, rows=(0, 7, 9), outputs=("y",), module="attn", operator="softmax"
    )
    assert found.reason == (
        "the source model itself gives NaN for 3 of 256 samples, first in 'attn' (softmax); rows 0, 7, 9"
    )
    assert "--set gate.accept_nonfinite_source=true" in found.note
    accepted = msgspec.structs.replace(found, is_accepted=True)
    assert accepted.note.endswith("accepted by gate.accept_nonfinite_source")


def test_what_is_said_where_less_is_known() -> None:
    found = NonfiniteSource(samples=5, of=9, nan=2, rows=(0, 1, 2, 3, 4), outputs=("y",))
    assert found.reason == "the source model itself gives NaN or Inf for 5 of 9 samples; rows 0, 1, 2, …"
    one = NonfiniteSource(samples=1, of=9, nan=0, rows=(4,), outputs=("y",), operator="log")
    assert one.reason == "the source model itself gives Inf for 1 of 9 samples, first by log; row 4"


def test_what_a_mask_rules_out_does_not_count() -> None:
    values = np.full((2, 3, 4), np.nan, np.float32)
    values[:, :2] = 1
    valid = np.array([[True, True, False], [True, True, True]])
    assert nan_samples(clear(values, valid)).tolist() == [False, True]
    assert np.isnan(values).any()
