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


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([row(98, 35, 32.0), row(100, 59, 1.0)], 1),  # int16x8: 2 % smaller, 32 times as slow, 24 dB worse
        ([row(100, 25, 1.0), row(109, 40, 0.5)], 1),
        ([row(100, 25, 1.0), row(111, 40, 0.5)], 0),  # beyond 10 % the size decides
        ([row(100, 25, 1.0, spread=0.0), row(105, 40, 1.04, spread=0.0)], 1),  # 4 % slower, 15 dB better
        ([row(100, 25, 1.0), row(105, 40, 1.2)], 0),
        ([row(100, 25, 1.0, spread=0.2), row(105, 40, 1.2, spread=0.2)], 1),  # the noise is wider
        ([row(100, 25.0, 1.0), row(105, 25.4, 1.0)], 0),  # less than half a decibel: the smaller
        ([row(100, 25, 1.0), row(100, 24, 1.0), row(100, 25, 1.0)], 0),
        ([row(100, 25), row(105, 40)], 1),  # never measured: the most exact
        ([row(100, 25, 5.0), row(105, 40)], 0),  # only one was measured
        ([row(90, 60, 0.1, reason="over the budget: 90 bytes"), row(100, 25, 1.0)], 1),
        ([row(100, None, 1.0), row(105, None, 0.5)], 1),
    ],
)
def test_close_in_size_the_fastest_then_the_most_exact_is_kept(rows, kept):
    assert pick(rows) == kept


def test_rounds_side_by_side_tell_speeds_apart_that_medians_do_not():
    load = [1, 9, 2, 8, 3, 7]
    slow, fast = (
        Latency("cpu", 1, 1, 4.5 * each, (each, 9 * each), rounds_ms=tuple(each * one for one in load))
        for each in (1.2, 1.0)
    )
    rows = [row(100, 25), row(105, 40)]
    rows = [msgspec.structs.replace(one, latency=each) for one, each in zip(rows, (fast, slow), strict=True)]
    assert pick(rows) == 0


def test_what_could_not_be_measured_is_not_kept_where_something_could():
    skipped = msgspec.structs.replace(row(100, 40), latency=Latency("cpu", skipped="it does not load"))
    assert pick([skipped, row(105, 25, 1.0)]) == 1
    assert pick([skipped]) == 0


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
