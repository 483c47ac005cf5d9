"""The budget: what an artifact has to meet besides its gate. Measures nothing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from convertkit.config.run_settings import BudgetOptions
from convertkit.errors import GateError, NotMeasuredError
from convertkit.measurement.latency import Latency
from convertkit.validation.accuracy import Accuracy


class Figures(msgspec.Struct, frozen=True):
    """What the limits of a budget are held against.

    Attributes:
        sqnr_db: lowest of any float output; None where there is none.
        latency: where the budget asks for it; None where it was not measured yet.
        memory_bytes: what it adds to a fresh process; None where that was not measured.
    """

    size_bytes: int
    sqnr_db: float | None = None
    accuracy: Accuracy | None = None
    latency: Latency | None = None
    memory_bytes: int | None = None


class BudgetVerdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of a budget.

    Attributes:
        over: a line for each limit that is not met.
        undecided: a line for each that could not be measured, or not well enough.
    """

    over: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """7 where a limit is not met, 8 where one is undecided, else 0."""
        if self.over:
            return GateError.exit_code
        return NotMeasuredError.exit_code if self.undecided else 0


def over_budget(figures: Figures, budget: BudgetOptions) -> str:
    """The first limit that is set and not met, one line; empty where all are, or are not measured yet."""
    return next(overruns(figures, budget), "")


def overruns(figures: Figures, budget: BudgetOptions) -> Iterator[str]:
    """Every limit that is set and not met: also where the gate decides by other figures."""
    yield from exactness_overruns(figures, budget)
    latency = figures.latency
    if budget.latency_ms is None or latency is None:
        return
    if latency.p50_ms is None:
        yield f"over the budget: its latency could not be measured ({latency.skipped})"
    elif least_ms(latency) > budget.latency_ms:
        yield f"over the budget: p50 {latency.p50_ms:.3g} ms, more than {budget.latency_ms:g} ms"


def exactness_overruns(figures: Figures, budget: BudgetOptions) -> Iterator[str]:
    """The limits that need no measurement: size, SQNR, accuracy."""
    size = budget.size_bytes
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


def hold(figures: Figures, budget: BudgetOptions) -> BudgetVerdict:
    """The last word on a measured artifact: what was not measured, or not well enough, is undecided."""
    over, undecided = list(exactness_overruns(figures, budget)), []
    latency, most = figures.latency, budget.latency_ms
    if most is not None and (latency is None or latency.p50_ms is None):
        why = f": {latency.skipped}" if latency and latency.skipped else ""
        undecided.append(f"the budget is undecided: p50 on {setting(budget)} was not measured{why}")
    elif most is not None and latency is not None and least_ms(latency) > most:
        over.append(
            f"over the budget: p50 {latency.p50_ms:.3g} ms, more than {most:g} ms on {setting(budget)}"
        )
    elif most is not None and latency is not None and most_ms(latency) > most:
        interval = f"{least_ms(latency):.3g} to {most_ms(latency):.3g} ms"
        undecided.append(f"the budget is undecided: p50 is {interval}, the limit of {most:g} ms lies within")
    memory, limit = figures.memory_bytes, budget.memory_bytes
    if limit is not None and memory is None:
        undecided.append("the budget is undecided: its memory was not measured")
    if limit is not None and memory is not None and memory > limit:
        over.append(f"over the budget: {memory:,} bytes of memory, more than {limit:,}")
    return BudgetVerdict(tuple(over), tuple(undecided))


def setting(budget: BudgetOptions) -> str:
    """`cpu`, `cpu with 2 threads`."""
    threads = budget.threads
    return budget.device + (f" with {threads} thread{'' if threads == 1 else 's'}" if threads else "")


def asked_latency(rows: tuple[Latency, ...], budget: BudgetOptions) -> Latency | None:
    """The row of the device and threads that the budget names; None where there is none."""
    for row in rows:
        is_there = row.device == budget.device or row.device.partition(":")[0] == budget.device
        if is_there and (row.skipped is not None or budget.threads in (None, row.threads)):
            return row
    return None


def least_ms(latency: Latency) -> float:
    """The lower end of the interval of p50, milliseconds; p50 itself where there is none."""
    return latency.p50_ci95_ms[0] if latency.p50_ci95_ms else latency.p50_ms or 0.0


def most_ms(latency: Latency) -> float:
    """The upper end of it."""
    return latency.p50_ci95_ms[1] if latency.p50_ci95_ms else latency.p50_ms or 0.0
