"""The figures of every output, and the verdict on them, as Markdown."""

from __future__ import annotations

from convertkit.render.markdown_table import escape, table
from convertkit.render.numbers import format_cosine, format_error, format_percent, format_sqnr_db
from convertkit.render.parts import describe_asked, describe_samples, describe_slice
from convertkit.validation.gate import Comparison

OUTPUT_HEADINGS = (
    "Output",
    "Max error",
    "RMSE",
    "Cosine",
    "SQNR, dB",
    "Worst slice, dB",
    "Samples (p5), dB",
    "Noise floor, dB",
    "Top-1 agreement, %",
)


def comparison_lines(title: str, comparison: Comparison | None) -> list[str]:
    """The metrics of each output, and the verdict on them."""
    if comparison is None:
        return []
    asked = describe_asked(comparison.tolerance)
    lines = ["", f"{title}: {comparison.verdict} ({asked}). {escape(comparison.reason)}".rstrip(), ""]
    notes = ["", *(f"- {escape(note)}" for note in comparison.notes)] if comparison.notes else []
    rows = [
        [
            row.name,
            format_error(row.max_abs_error),
            format_error(row.rmse),
            format_cosine(row.cosine),
            format_sqnr_db(row.sqnr_db),
            describe_slice(row),
            describe_samples(row),
            format_sqnr_db(row.noise_floor_db),
            format_percent(row.top1_agreement),
        ]
        for row in comparison.outputs
    ]
    compared = table(OUTPUT_HEADINGS, rows) if rows else ["The outputs could not be compared."]
    return lines + compared + notes
