"""The budget of a rescue: what an INT8 artifact has to meet, and how long one is searched for."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from convertkit.config.run_settings import BudgetOptions
from convertkit.measurement.latency import Latency
from convertkit.validation.accuracy import Accuracy


class Figures(msgspec.Struct, frozen=True):
    """What the limits of a budget are held against.

    Attributes:
        sqnr_db: lowest of any float output; None where there is none.
        latency: on the CPU; None where it was not measured yet.
    """

    size_bytes: int
    sqnr_db: float | None = None
    accuracy: Accuracy | None = None
    latency: Latency | None = None


def over_budget(figures: Figures, budget: BudgetOptions) -> str:
    """The first limit that is set and not met, one line; empty where all are, or are not measured yet."""
    return next(overruns(figures, budget), "")


def overruns(figures: Figures, budget: BudgetOptions) -> Iterator[str]:
    """Every limit that is set and not met: also where the gate decides by other figures."""
    size, p50 = budget.size_bytes, figures.latency.p50_ms if figures.latency else None
    if size is not None and figures.size_bytes > size:
        yield f"over the budget: {figures.size_bytes:,} bytes, more than {size:,}"
    floor = budget.sqnr_db
    if floor is not None and figures.sqnr_db is not None and figures.sqnr_db < floor:
        yield f"over the budget: {figures.sqnr_db:.1f} dB SQNR, below {floor:g} dB"
    accuracy, drop = figures.accuracy, budget.accuracy_drop
    if drop is not None and accuracy is None:
        yield "over the budget: its accuracy could not be measured"
    if accuracy is not None and drop is not None and accuracy.drop > drop:
        yield f"over the budget: accuracy drops by {accuracy.drop:.4f}, more than {drop:g}"
    if budget.latency_ms is not None and figures.latency is not None:
        if p50 is None:
            yield f"over the budget: its latency could not be measured ({figures.latency.skipped})"
        elif p50 > budget.latency_ms:
            yield f"over the budget: p50 {p50:.3g} ms, more than {budget.latency_ms:g} ms"
