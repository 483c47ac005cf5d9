"""Which of a rescue's candidates is kept, and which are worth a look: the Pareto-optimal ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from convertkit.measurement.latency import Latency, compare
from convertkit.report.rescue import CandidateRecord

SIZE_MARGIN = 1.10
SPEED_MARGIN = 1.05
EQUAL_DB = 0.5


def pick(candidates: Sequence[CandidateRecord]) -> int | None:
    """Index of the one to keep; None where none passed.

    Of what passed, and so meets the budget, only what no other beats in size, error and latency. Of those
    within 10 % of the smallest the fastest; of those that are not slower by more than 5 % and the noise the
    most exact; of those within half a decibel of that the smallest, and the first of equals. What could not
    be measured is kept only where nothing could.
    """
    passed = [index for index, each in enumerate(candidates) if each.is_passed and each.size_bytes]
    passed = [index for index in passed if math.isfinite(p50_ms(candidates[index].latency))] or passed
    beaten = [i for i in passed if any(beats(candidates[other], candidates[i]) for other in passed)]
    front = [index for index in passed if index not in beaten] or passed
    if not front:
        return None
    sizes = {index: candidates[index].size_bytes or 0 for index in front}
    small = [index for index in front if sizes[index] <= SIZE_MARGIN * min(sizes.values())]
    fastest = min(small, key=lambda index: p50_ms(candidates[index].latency))
    quick = [
        index
        for index in small
        if not is_slower(candidates[index].latency, candidates[fastest].latency, SPEED_MARGIN)
    ]
    highest = max(sqnr_db(candidates[index]) for index in quick)
    exact = [index for index in quick if sqnr_db(candidates[index]) >= highest - EQUAL_DB]
    return min(exact, key=lambda index: (sizes[index], index))


def mark_pareto(candidates: Sequence[CandidateRecord]) -> list[CandidateRecord]:
    """The candidates, those marked that no other beats."""
    return [
        msgspec.structs.replace(
            each, is_pareto=is_comparable(each) and not any(beats(other, each) for other in candidates)
        )
        for each in candidates
    ]


def is_comparable(candidate: CandidateRecord) -> bool:
    """True where there is an artifact that ran."""
    return candidate.size_bytes is not None and candidate.sqnr_db is not None


def beats(one: CandidateRecord, other: CandidateRecord) -> bool:
    """True where `one` is nowhere worse than `other`, and better in size, error or latency."""
    if not is_comparable(one) or not is_comparable(other):
        return False
    sizes = (one.size_bytes or 0, other.size_bytes or 0)
    errors = (sqnr_db(one), sqnr_db(other))
    if sizes[0] > sizes[1] or errors[0] < errors[1] or is_slower(one.latency, other.latency):
        return False
    return sizes[0] < sizes[1] or errors[0] > errors[1] or is_slower(other.latency, one.latency)


def is_slower(one: Latency | None, other: Latency | None, margin: float = 1.0) -> bool:
    """True where both were measured, and the whole interval says that `one` takes that many times as long."""
    versus = compare(one, other)
    return versus is not None and versus.verdict == "slower" and versus.ci95[0] > margin


def p50_ms(latency: Latency | None) -> float:
    """The median; infinite where it was not measured."""
    return float("inf") if latency is None or latency.p50_ms is None else latency.p50_ms


def sqnr_db(candidate: CandidateRecord) -> float:
    """The SQNR; minus infinity where there is none."""
    return float("-inf") if candidate.sqnr_db is None else candidate.sqnr_db
