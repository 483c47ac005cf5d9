"""Times of single runs of operators, brought together. Imports no framework."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from convertkit.workers.profiled import OperatorTime


class Span(NamedTuple):
    """One run of an operator: what it is, when it began, and how long it took.

    Attributes:
        operator, name, module: as in `OperatorTime`.
        start: on the clock of the calls' own starts.
        duration_ns: without operators inside it.
    """

    operator: str
    name: str
    module: str
    start: float
    duration_ns: int


def tallied(spans: Iterable[Span], starts: Sequence[float]) -> tuple[OperatorTime, ...]:
    """One entry for each operator, name and module, the longest first.

    An operator's time is the median over calls: one call that the system interrupted tells nothing.

    Args:
        starts: when each call began, ascending; what began before the first one is left out.
    """
    found: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0] * len(starts))
    runs: dict[tuple[str, str, str], int] = defaultdict(int)
    for span in spans:
        call = bisect.bisect_right(starts, span.start) - 1
        if call >= 0:
            key = (span.operator, span.name, span.module)
            found[key][call] += span.duration_ns
            runs[key] += 1
    entries = [OperatorTime(*key, runs[key], round(median(times))) for key, times in found.items()]
    return tuple(sorted(entries, key=lambda one: one.median_ns, reverse=True))
