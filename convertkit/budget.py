"""The budget of a rescue: what an INT8 artifact has to meet, and how long one is searched for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec

from convertkit.gate import Accuracy, Tolerance
from convertkit.latency import Latency
from convertkit.settings import Decibels, PositiveFloat, PositiveInt


class BudgetOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an INT8 artifact has to meet; where it does not, others are made and judged until one does.

    Attributes:
        accuracy_drop: highest loss of accuracy, a fraction; needs labels. None: as the gate.
        sqnr_db: lowest signal to quantization-noise ratio of any output, decibels. None: as the gate.
        size_bytes: largest artifact.
        latency_ms: highest p50 on the CPU, at the threads of `bench`.
        minutes: wall time of the search; no candidate starts that would likely pass it.
    """

    accuracy_drop: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    sqnr_db: Decibels | None = None
    size_bytes: PositiveInt | None = None
    latency_ms: PositiveFloat | None = None
    minutes: PositiveFloat = 10.0


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


def demanded(tolerance: Tolerance, budget: BudgetOptions) -> Tolerance:
    """The gate's tolerance, with what the budget sets in its place."""
    given = {"min_sqnr_db": budget.sqnr_db, "max_accuracy_drop": budget.accuracy_drop}
    return msgspec.structs.replace(
        tolerance, **{name: value for name, value in given.items() if value is not None}
    )


def stricter(one: Tolerance, other: Tolerance) -> Tolerance:
    """What passes both."""
    return Tolerance(
        max(one.min_sqnr_db, other.min_sqnr_db),
        min(one.max_accuracy_drop, other.max_accuracy_drop),
        max(one.min_agreement, other.min_agreement),
    )


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
