"""The field's usual claims beside what was measured: verdicts, and the page. No framework, nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

CLAIMED_SIZE, LARGEST_SIZE = 0.25, 0.30  # 75 % smaller; graph and scales come on top of the weights
LEAST_SPEED_UP = 2.0
LARGEST_DROP = 0.01
COLUMNS = (
    "model",
    "variant",
    "size ratio",
    "faster, batch 1",
    "faster, batch N",
    "SQNR, dB",
    "top-1 agreement",
    "accuracy drop, points",
)
CLAIM_CELLS = ("*the claim*", "", "*0.25*", "*2 to 4 ×*", "*2 to 4 ×*", "", "", "*below 1*")
MARKS = {"holds": "✓", "does not hold": "✗", "open": "?"}

Verdict = Literal["holds", "does not hold", "open"]


class Ratio(msgspec.Struct, frozen=True):
    """How many times faster than the float artifact; `low` and `high` are its bootstrap 95 % interval."""

    median: float
    low: float
    high: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one variant of one model, against the float artifact of the same format and runtime.

    Attributes:
        fault: why there is no such artifact; then there are no figures.
        size_bytes: of the INT8 artifact; `size_ratio` is that by the float artifact's.
        batch: samples in each call of `batch_speed_up`; `speed_up` has one.
        call_ms, batch_call_ms: of the INT8 artifact, in its fastest round.
        accuracy_drop: fraction, positive is worse; None without labels.
        coverage: how many weights are INT8, in the words of the hop's notes; empty where it does not say.
        weights: values in the model's parameters.
    """

    model: str
    variant: str
    fault: str = ""
    size_bytes: int = 0
    size_ratio: float = 0.0
    speed_up: Ratio | None = None
    batch: int = 1
    batch_speed_up: Ratio | None = None
    call_ms: float = 0.0
    batch_call_ms: float = 0.0
    sqnr_db: float = 0.0
    agreement: float | None = None
    accuracy_drop: float | None = None
    coverage: str = ""
    weights: int = 0


def size_verdict(row: Row) -> Verdict:
    """Whether the file is 75 % smaller, but for graph and scales."""
    return "holds" if row.size_ratio <= LARGEST_SIZE else "does not hold"


def speed_verdict(ratio: Ratio | None) -> Verdict:
    """Whether it is at least twice as fast, by the whole interval; open where that spans 2."""
    if ratio is None or ratio.low < LEAST_SPEED_UP <= ratio.high:
        return "open"
    return "holds" if ratio.low >= LEAST_SPEED_UP else "does not hold"


def accuracy_verdict(row: Row) -> Verdict:
    """Whether less than one point is lost; without labels only near-perfect agreement proves that."""
    if row.accuracy_drop is not None:
        return "holds" if row.accuracy_drop < LARGEST_DROP else "does not hold"
    return "holds" if row.agreement is not None and row.agreement > 1 - LARGEST_DROP else "open"


def cells(row: Row) -> tuple[str, ...]:
    """A row's cells, each claim's with its mark; one cell with the reason where there is no artifact."""
    if row.fault:
        return (row.model, row.variant, f"not made: {row.fault}", *[""] * (len(COLUMNS) - 3))
    drop = "no labels" if row.accuracy_drop is None else f"{100 * row.accuracy_drop:+.2f}"
    return (
        row.model,
        row.variant,
        f"{row.size_ratio:.2f} {MARKS[size_verdict(row)]}",
        speed_cell(row.speed_up),
        f"{speed_cell(row.batch_speed_up)} at {row.batch}",
        f"{row.sqnr_db:.1f}",
        "–" if row.agreement is None else f"{row.agreement:.3f}",
        f"{drop} {MARKS[accuracy_verdict(row)]}",
    )


def speed_cell(ratio: Ratio | None) -> str:
    """`1.43 (1.40 to 1.47) ✗`."""
    if ratio is None:
        return f"not measured {MARKS['open']}"
    return f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f}) {MARKS[speed_verdict(ratio)]}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") or " " for cell in line) + " |" for line in lines
    )


def claims_table(rows: Sequence[Row]) -> str:
    """The claims, then every row."""
    return table(COLUMNS, [CLAIM_CELLS, *(cells(row) for row in rows)])


def tally(rows: Sequence[Row]) -> str:
    """How often each claim holds, one line."""
    made = [row for row in rows if not row.fault]
    verdicts = {
        "75 % smaller": [size_verdict(row) for row in made],
        "2 to 4 times faster at batch 1": [speed_verdict(row.speed_up) for row in made],
        "and at a large batch": [speed_verdict(row.batch_speed_up) for row in made],
        "less than a point lost": [accuracy_verdict(row) for row in made],
    }
    parts = [f"{claim}: {found.count('holds')} of {len(found)}" for claim, found in verdicts.items()]
    return f"Holds for: {'; '.join(parts)}."
