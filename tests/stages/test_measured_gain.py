"""Gains by the worst slice of the worst output, beside what float gives."""

from __future__ import annotations

import numpy as np
import pytest

from convertkit.stages.measured_gain import MOST_CALLS, ByRanges, gain_by_ranges, gain_db, lowest_db

ROWS = [{"boxes": np.random.default_rng(n).normal(size=(4, 10)), "number": np.array([n])} for n in range(20)]


def off(row, share, channel=...):
    """A row whose boxes, or one channel of them, are off by a share of what they are."""
    boxes = row["boxes"].copy()
    boxes[channel] *= 1 + share
    return {**row, "boxes": boxes}


def test_the_worst_channel_counts():
    found = [off(row, 0.1, 2) for row in ROWS]
    assert lowest_db(ROWS, found) == pytest.approx(20.0)
    assert lowest_db(ROWS, [{**row, "number": np.array([0])} for row in ROWS]) == 200.0  # integers do not


def test_a_gain_is_the_difference_on_the_first_calls():
    asked = []

    def run(share, calls):
        asked.append(len(calls))
        return [off(row, share) for row in calls]

    assert gain_db(run, 0.0, 0.1, 0.01, iter(ROWS)) == pytest.approx(20.0)
    assert asked == [MOST_CALLS] * 3


def by_share(share, calls):
    if share is None:
        raise RuntimeError("data[i] != 0 was not true")
    return [off(row, share) for row in calls]


def test_ranges_have_to_gain_a_decibel_on_the_first_fold():
    assert gain_by_ranges(by_share, 0.0, ByRanges(0.5, 0.1, 0.05), ROWS) == pytest.approx(6.02, abs=0.01)
    assert gain_by_ranges(by_share, 0.0, ByRanges(0.5, 0.1, 0.095), ROWS) is None


@pytest.mark.parametrize("files", [ByRanges(None, 0.1, 0.01), ByRanges(0.1, 0.1, None)])
def test_a_file_that_does_not_run_is_none(files):
    assert gain_by_ranges(by_share, 0.0, files, ROWS) is None
