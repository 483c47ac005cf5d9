"""A `Blame` as a table of text."""

from __future__ import annotations

from convertkit.render.numbers import format_share, format_sqnr_db
from convertkit.report.blame import Blame, BlameRow

TOP = 10
MODEL = "(model)"
LONGEST = 40
HEADINGS = ("lost here", "lost in all", "SQNR dB", "operator", "module", "tensor")


def render_blame(blame: Blame, top: int = TOP) -> str:
    """Headline, the first drop, and the operators that lose most."""
    if blame.skipped:
        return f"{blame.candidate} against {blame.reference}: skipped, {blame.skipped}\n"
    lines = [f"{blame.candidate} against {blame.reference}, {blame.samples} samples"]
    first = blame.first_drop
    if blame.first_nan is not None:
        lines.append(f"First NaN: {headline(blame.first_nan)}")
    elif blame.unmatched_nan:
        lines.append(f"NaN in {', '.join(shortened(name) for name in blame.unmatched_nan[:3])}")
    if first is None:
        lines.append("No operator loses a tenth of its tensor's information or more.")
    else:
        lines.append(f"First drop: {headline(first)}")
    lines += table([HEADINGS, *(cells(row) for row in blame.rows[:top])])
    if len(blame.rows) > top:
        lines.append(f"… and {len(blame.rows) - top} more operators; --top shows them")
    if blame.unmatched:
        names = ", ".join(shortened(name) for name in blame.unmatched[:3])
        lines.append(f"{len(blame.unmatched)} tensors have no counterpart: {names}")
    return "\n".join(lines) + "\n"


def headline(row: BlameRow) -> str:
    """One phrase for an operator: `blocks.1.conv (CONV_2D) loses 94 % of its tensor's information`."""
    who = f"{row.module or MODEL} ({row.operator})"
    if row.nan_apart:
        return f"{who}: {format_share(row.nan_apart)} of its values are NaN on one side only"
    if row.nan:
        return f"{who} gives NaN in {format_share(row.nan)} of its values, as the reference does"
    return f"{who} loses {format_share(row.added)} of its tensor's information"


def cells(row: BlameRow) -> tuple[str, ...]:
    """A row of the table."""
    return (
        f"NaN {format_share(row.nan)}" if row.has_nan else format_share(row.added),
        format_share(row.lost),
        format_sqnr_db(row.sqnr_db),
        row.operator,
        row.module or MODEL,
        shortened(row.tensor),
    )


def shortened(name: str) -> str:
    """A name that fits its column; what is fused in stands at the end."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Columns aligned, figures to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return [
        "  ".join(
            cell.rjust(width) if column < 3 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
