"""Which candidate is kept, and which are Pareto-optimal."""

from __future__ import annotations

import msgspec
import pytest

from convertkit.measurement.latency import Latency
from convertkit.report.rescue import CandidateRecord
from convertkit.rescue.choice import mark_pareto, pick


def row(size, sqnr_db, p50_ms=None, *, reason="", spread=0.01):
    latency = None
    if p50_ms is not None:
        latency = Latency("cpu", 1, 1, p50_ms, (p50_ms - spread, p50_ms + spread))
    return CandidateRecord(
        family="x",
        change="x",
        target="tflite:int8",
        converter="",
        options={},
        calibration=0,
        reason=reason,
        seconds=1.0,
        size_bytes=size,
        sqnr_db=sqnr_db,
        latency=latency,
    )


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([row(10, 5, reason="too low")], None),
        ([row(10, 5, reason="too low"), row(30, 40), row(20, 21)], 2),
        ([row(20, 21, 2.0), row(20, 21, 1.0)], 1),
        ([row(20, 21, 1.0), row(20, 25, 1.005)], 1),  # as fast, by the intervals: the more exact
        ([row(20, 21, 1.0), row(20, 25, 1.1)], 0),
        ([row(20, 25), row(20, 25)], 0),
        ([row(None, None), row(20, 25)], 1),
    ],
)
def test_the_smallest_that_passes_is_kept(rows, kept):
    assert pick(rows) == kept


def test_pareto_are_those_that_none_beats():
    rows = [row(10, 5), row(20, 25), row(21, 24), row(30, 40), row(None, None), row(10, 4)]
    assert [each.is_pareto for each in mark_pareto(rows)] == [True, True, False, True, False, False]


def test_a_faster_one_is_optimal_though_larger():
    rows = [row(10, 25, 2.0), row(20, 25, 1.0)]
    assert all(each.is_pareto for each in mark_pareto(rows))
    unmeasured = [row(10, 25), row(20, 25, 1.0)]
    assert [each.is_pareto for each in mark_pareto(unmeasured)] == [True, False]


def test_marks_change_nothing_else():
    rows = [row(10, 5)]
    assert mark_pareto(rows) == [msgspec.structs.replace(rows[0], is_pareto=True)]
