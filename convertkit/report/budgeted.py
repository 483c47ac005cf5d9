"""Which artifacts of a run its budget holds for, and what it is held against. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable

from convertkit.artifacts.formats import Precision
from convertkit.config.run_settings import BudgetOptions
from convertkit.report.report import HopRecord
from convertkit.validation.budget import Figures, asked_latency

INTEGERS = frozenset(str(precision) for precision in Precision if precision.is_integer)


def budgeted(targets: Iterable[str], wanted: str) -> bool:
    """True where a budget holds for a variant: of those asked for the integer ones, all where none is one."""
    asked = list(targets)
    return wanted in ([name for name in asked if name.partition(":")[2] in INTEGERS] or asked)


def figures_of(record: HopRecord, budget: BudgetOptions) -> Figures:
    """What of a record a budget is held against."""
    assert record.artifact is not None
    return Figures(
        record.artifact.size_bytes,
        record.vs_source.lowest_sqnr_db if record.vs_source else None,
        record.accuracy,
        asked_latency(record.latency, budget),
        record.start.memory_bytes if record.start else None,
    )
