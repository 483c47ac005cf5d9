"""What stands below a hop, in words: its parts (slices, samples, accuracy's interval), and notes."""

from __future__ import annotations

from convertkit.render.numbers import DASH, format_points, format_sqnr_db
from convertkit.render.summary import shorten
from convertkit.report.report import HopRecord
from convertkit.validation.accuracy import Accuracy
from convertkit.validation.compare import OutputMetrics
from convertkit.validation.gate import Comparison
from convertkit.validation.tolerance import NOTHING_ASKED_DB, Tolerance

MOST_NOTES = 3


def describe_slice(row: OutputMetrics) -> str:
    """`18.3 (axis 1, 4)`, decibels without the unit; a dash where no slice was judged."""
    worst = row.worst_slice
    return DASH if worst is None else f"{format_sqnr_db(worst.sqnr_db)} (axis {worst.axis}, {worst.index})"


def describe_samples(row: OutputMetrics) -> str:
    """`18.0`, or `3.3 (63 lost, worst in rows 27, 28)`: the 5th percentile, decibels without the unit."""
    text = format_sqnr_db(row.sample_sqnr_p5_db)
    if not row.lost_samples:
        return text
    rows = ", ".join(str(sample.row) for sample in row.worst_samples)
    return f"{text} ({row.lost_samples} lost, worst in row{'s' if len(row.worst_samples) > 1 else ''} {rows})"


def describe_asked(tolerance: Tolerance) -> str:
    """`at least 20 dB, slices 8, samples 8`."""
    parts = [f"at least {tolerance.min_sqnr_db:g} dB"]
    for name, floor in (("slices", tolerance.min_slice_sqnr_db), ("samples", tolerance.min_sample_sqnr_db)):
        if floor > NOTHING_ASKED_DB:
            parts.append(f"{name} {floor:g}")
    return ", ".join(parts)


def describe_interval(accuracy: Accuracy) -> str:
    """`95 % interval -0.43 to 0.92 points, 412 samples`; empty where it was not measured."""
    if accuracy.drop_ci95 is None:
        return ""
    low, high = map(format_points, accuracy.drop_ci95)
    return f"95 % interval {low} to {high} points, {accuracy.samples} samples"


def lowest_slice_db(comparison: Comparison | None) -> float | None:
    """The SQNR of the worst slice of any output; None where none was judged."""
    rows = comparison.outputs if comparison else ()
    return min((row.worst_slice.sqnr_db for row in rows if row.worst_slice is not None), default=None)


def lowest_samples_db(comparison: Comparison | None) -> float | None:
    """The lowest 5th percentile of the samples of any output; None where there is none."""
    rows = comparison.outputs if comparison else ()
    return min((row.sample_sqnr_p5_db for row in rows if row.sample_sqnr_p5_db is not None), default=None)


def stage_notes(hop: HopRecord) -> list[str]:
    """What its stage says of a hop: the first three lines, and where the others are."""
    shown = [shorten(note) for note in hop.notes[:MOST_NOTES]]
    left = len(hop.notes) - len(shown)
    return [*shown, f"{left} more note{'' if left == 1 else 's'}: see report"] if left else shown


def gate_notes(hop: HopRecord) -> tuple[str, ...]:
    """What the gate says of a hop beside its verdict."""
    return hop.vs_source.notes if hop.vs_source else ()


def part_lines(hop: HopRecord) -> list[str]:
    """The parts of each output where the hop did not pass; then what gate and stage say besides."""
    rows = hop.vs_source.outputs if hop.vs_source and hop.status != "passed" else ()
    lines = [
        f"output '{row.name}': {format_sqnr_db(row.sqnr_db)} dB, worst slice {describe_slice(row)}, "
        f"samples {describe_samples(row)}"
        for row in rows
        if row.agreement is None
    ]
    return [*lines, *gate_notes(hop), *stage_notes(hop)]
