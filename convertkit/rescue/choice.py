"""Which of a rescue's candidates is kept, and which are worth a look: the Pareto-optimal ones."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from convertkit.measurement.latency import Latency
from convertkit.report.rescue import CandidateRecord


def pick(candidates: Sequence[CandidateRecord]) -> int | None:
    """Index of the smallest that passed; None where none did.

    Of equal sizes the faster one, where the difference is beyond the noise; then the more exact one, then the
    one that was tried first.
    """
    passed = [index for index, each in enumerate(candidates) if each.is_passed and each.size_bytes]
    if not passed:
        return None
    smallest = min(candidates[index].size_bytes or 0 for index in passed)
    equals = [index for index in passed if candidates[index].size_bytes == smallest]
    fastest = min(equals, key=lambda index: p50_ms(candidates[index].latency))
    rivals = [i for i in equals if not is_slower(candidates[i].latency, candidates[fastest].latency)]
    return max(rivals, key=lambda index: (sqnr_db(candidates[index]), -index))


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


def is_slower(one: Latency | None, other: Latency | None) -> bool:
    """True where both were measured, and `one` is slower by more than the intervals of their medians."""
    if one is None or other is None or one.p50_ci95_ms is None or other.p50_ci95_ms is None:
        return False
    return one.p50_ci95_ms[0] > other.p50_ci95_ms[1]


def p50_ms(latency: Latency | None) -> float:
    """The median; infinite where it was not measured."""
    return float("inf") if latency is None or latency.p50_ms is None else latency.p50_ms


def sqnr_db(candidate: CandidateRecord) -> float:
    """The SQNR; minus infinity where there is none."""
    return float("-inf") if candidate.sqnr_db is None else candidate.sqnr_db
