"""When ranges are chosen: weights are refined, or some samples go beyond the others."""

import numpy as np
import pytest

from convertkit.quantization.range_choice import are_chosen, go_beyond


def calls(*values):
    return [
        {"x": np.array([each], np.float32), "ids": np.array([number])} for number, each in enumerate(values)
    ]


EVEN = calls(*[0.0, 0.5, 1.0] * 8)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (EVEN, False),
        (EVEN + calls(1.03), False),
        (EVEN + calls(1.05), True),
        (EVEN + calls(-0.05), True),
        (EVEN + calls(1.05, 0.5, 0.5, 0.5, 1.05), True),  # both in one quarter
        (EVEN + calls(1.05, 1.05), False),
        (calls(1.0), False),
        (calls(1.0, 1.0), False),
        ([], False),
        ([{"ids": np.array([number])} for number in range(9)], False),
        ([{"x": np.zeros((0, 3), np.float32)}] * 9, False),
    ],
)
def test_samples_that_go_beyond_the_others(given, expected):
    assert go_beyond(given) is expected


@pytest.mark.parametrize(
    ("ranges", "grid", "given", "expected"),
    [
        ("auto", 0, EVEN, False),
        ("auto", 127, EVEN, True),
        ("auto", 0, EVEN + calls(2.0), True),
        ("minmax", 127, EVEN + calls(2.0), False),
        ("chosen", 0, EVEN, True),
    ],
)
def test_when_ranges_are_chosen(ranges, grid, given, expected):
    assert are_chosen(ranges, grid, given) is expected
