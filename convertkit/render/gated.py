"""A run judged again, as text: an artifact a line, then why it fails."""

from __future__ import annotations

from rich.table import Table

from convertkit.render.numbers import format_percent, format_sqnr_db
from convertkit.render.parts import lowest_samples_db, lowest_slice_db
from convertkit.render.summary import min_sqnr_db
from convertkit.report.gated import Gated, Row


def gated_table(gated: Gated) -> Table:
    """A row an artifact."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("Artifact", overflow="fold", min_width=12)
    for name in ("Was", "Now", "SQNR, dB", "Slices", "Samples", "Accuracy, %"):
        table.add_column(name, justify="left" if name in ("Was", "Now") else "right", no_wrap=True)
    for row in gated.rows:
        table.add_row(row.variant, row.was, now(row), *figures(row))
    return table


def now(row: Row) -> str:
    """`passed`, `failed` or `undecided`; what the run could not make cannot be judged."""
    if row.vs_source is None:
        return f"not judged ({row.was})"
    if row.reason:
        return "failed"
    return "undecided" if row.undecided else "passed"


def figures(row: Row) -> tuple[str, ...]:
    """SQNR of the whole, of the worst slice, of the samples; accuracy."""
    return (
        format_sqnr_db(min_sqnr_db(row.vs_source)),
        format_sqnr_db(lowest_slice_db(row.vs_source)),
        format_sqnr_db(lowest_samples_db(row.vs_source)),
        format_percent(row.accuracy.value if row.accuracy else None),
    )


def gated_lines(gated: Gated) -> list[str]:
    """What is said below the table, the verdict last."""
    found = [f"{row.variant}: {note}" for row in gated.rows for note in (*row.notes, *row.undecided)]
    if gated.samples < gated.of:
        found.append(f"judged by the first {gated.samples} of {gated.of} samples, which is what the run kept")
    bad = [row for row in gated.rows if row.reason]
    verdict = "; ".join(f"{row.variant}: {row.reason}" for row in bad)
    word = "UNDECIDED" if any(row.undecided for row in gated.rows) else "PASSED"
    return [*found, f"FAILED: {verdict}" if bad else word]
