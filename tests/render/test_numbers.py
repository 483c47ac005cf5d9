import math

import pytest

from convertkit.render import numbers
from convertkit.validation.compare import LARGEST_ERROR


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
        (0.0, "0"),
        (0.010616, "0.0106"),
        (31.06, "31.1"),
        (0.9999, "1.00"),
        (1234.5, "1,234"),
        (2.6226e-6, "2.62e-6"),
        (-0.379, "-0.379"),
        (1.5e12, "1.50e12"),
    ],
)
def test_significant(value, text):
    assert numbers.format_significant(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (999, "999 B"),
        (35_176, "35.2 kB"),
        (999_900, "1.00 MB"),
        (440_614_912, "441 MB"),
        (7_800_000_000, "7.80 GB"),
    ],
)
def test_bytes(value, text):
    assert numbers.format_bytes(value) == text


def test_identical_is_a_word():
    assert numbers.format_sqnr_db(200.0) == "identical"
    assert numbers.format_sqnr_db(199.9) == "199.9"
    assert numbers.format_sqnr_db(-200.0) == "-200.0"
    assert numbers.format_sqnr_db(math.nan) == "–"


def test_an_output_that_is_not_finite_is_said_to_be():
    assert numbers.format_error(LARGEST_ERROR) == "not finite"
    assert numbers.format_error(2.6e-6) == "2.60e-6"
    assert numbers.format_error(math.nan) == "–"


def test_shares_and_points():
    assert [numbers.format_share(x) for x in (0.2237, 1.008, 0.057, None)] == ["22 %", "101 %", "5.7 %", "–"]
    assert [numbers.format_points(x) for x in (0.0024, -0.0024, -0.000001, 0.0)] == [
        "0.24",
        "-0.24",
        "0",
        "0",
    ]
    assert numbers.format_percent(None) == "–"


def test_intervals_and_factors():
    assert numbers.format_interval_ms((0.010386, 0.010971)) == "0.0104–0.0110"
    assert numbers.format_interval_ms(None) == "–"
    assert numbers.format_times(4.64) == "4.6×"
    assert numbers.format_times(48.1) == "48×"
    assert numbers.format_cosine(None) == "–"
