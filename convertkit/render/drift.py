"""Drift as a chart: every tensor's SQNR in the order of execution, and what each operator loses of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from convertkit.render.blame import MODEL
from convertkit.render.numbers import IDENTICAL, format_share, format_sqnr_db
from convertkit.report.drift import Drift, TensorDrift
from convertkit.validation.powers import LARGEST_SQNR_DB

WIDTH, HEIGHT = 1000.0, 100.0  # in the SVG's units, which are stretched to the page
NARROW_DB = 40.0
MOST_ROWS = 5
HEADINGS = ("Module", "Operator", "Tensor", "SQNR, dB", "Lost here", "Lost in all")


class Column(msgspec.Struct, frozen=True):
    """A tensor's share of the width.

    Attributes:
        added, lost: heights of its bars.
        text: what is told where the pointer rests on it.
    """

    x: float
    width: float
    added: float
    lost: float
    text: str


class DriftChart(msgspec.Struct, frozen=True):
    """A line above, bars below, and the operators that lose most as a table.

    Attributes:
        points: of the line, as SVG has them.
        ticks: percent from the top, and label, of the line's axis.
        summary: the chart in a sentence.
    """

    title: str
    summary: str
    points: str
    ticks: tuple[tuple[float, str], ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


def drift_chart(drift: Drift) -> DriftChart:
    """One pair of artifacts."""
    low, high, step = scale_of([tensor.sqnr_db for tensor in drift.tensors])
    width = WIDTH / len(drift.tensors)
    heights = [height_of(tensor.sqnr_db, low, high) for tensor in drift.tensors]
    points = " ".join(f"{(at + 0.5) * width:.1f},{height:.1f}" for at, height in enumerate(heights))
    count = round((high - low) / step)
    ticks = tuple((100 - 100 * at / count, f"{low + at * step:g}") for at in range(count + 1))
    return DriftChart(
        title=f"{drift.candidate} against {drift.reference}, {drift.samples} samples",
        summary=summarize(drift),
        points=points,
        ticks=ticks,
        columns=tuple(column_of(at * width, width, tensor) for at, tensor in enumerate(drift.tensors)),
        rows=tuple(map(row_of, worst(drift.tensors))),
    )


def scale_of(values: Sequence[float]) -> tuple[float, float, float]:
    """Ends of an axis for decibels, and the step between its ticks; identical tensors are cut off above."""
    finite = [value for value in values if abs(value) < LARGEST_SQNR_DB]
    least, most = min(finite, default=0.0), max(finite, default=0.0)
    step = 10.0 if most - least < NARROW_DB else 20.0
    while (most - least) / step > 6:
        step *= 2
    low = step * math.floor(least / step)
    return low, max(step * math.ceil(most / step), low + step), step


def height_of(sqnr_db: float, low: float, high: float) -> float:
    """Where a value stands, from the top; what lies beyond the axis at its end."""
    return HEIGHT * (1 - (min(max(sqnr_db, low), high) - low) / (high - low))


def column_of(x: float, width: float, tensor: TensorDrift) -> Column:
    """A tensor's bars, and its text."""
    told = [
        f"{tensor.module or MODEL}, {tensor.operator}",
        tensor.tensor,
        decibels(tensor.sqnr_db),
        f"lost here {format_share(tensor.added)}, in all {format_share(tensor.lost)}",
        *(["has NaN"] if tensor.has_nan else []),
    ]
    return Column(x, width, HEIGHT * tensor.added, HEIGHT * tensor.lost, "\n".join(told))


def worst(tensors: Sequence[TensorDrift]) -> list[TensorDrift]:
    """Those with NaN, then those whose operators add most; the lowest SQNR where none adds anything."""
    return sorted(tensors, key=lambda one: (not one.has_nan, -round(one.added, 3), one.sqnr_db))[:MOST_ROWS]


def row_of(tensor: TensorDrift) -> tuple[str, ...]:
    """A row of the table."""
    return (
        tensor.module or MODEL,
        tensor.operator,
        tensor.tensor,
        f"{format_sqnr_db(tensor.sqnr_db)}{' (NaN)' if tensor.has_nan else ''}",
        format_share(tensor.added),
        format_share(tensor.lost),
    )


def decibels(value: float) -> str:
    """`24.8 dB`, or `identical`."""
    text = format_sqnr_db(value)
    return text if text == IDENTICAL else f"{text} dB"


def summarize(drift: Drift) -> str:
    """`65 tensors, from 51.2 dB at the first to 24.8 dB at the last; lowest 20.1 dB at conv (CONV_2D)`."""
    first, *_, last = (*drift.tensors, drift.tensors[-1])
    lowest = min(drift.tensors, key=lambda one: one.sqnr_db)
    ends = f"from {decibels(first.sqnr_db)} at the first to {decibels(last.sqnr_db)} at the last"
    low = f"lowest {decibels(lowest.sqnr_db)} at {lowest.module or MODEL} ({lowest.operator})"
    more = f"; {drift.unmatched} more have no counterpart" if drift.unmatched else ""
    count = len(drift.tensors)
    return f"{count} tensor{'' if count == 1 else 's'}, {ends}; {low}{more}"
