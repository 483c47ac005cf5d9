"""docs/signatures.md: what `benchmarks.signatures` found last."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from benchmarks.signatures_case import KINDS
from benchmarks.signatures_models import CASES
from benchmarks.signatures_try import LEAST_DB, TARGETS, Row
from convertkit.render.markdown_table import escape, table

PAGE = Path(__file__).parent.parent / "docs" / "signatures.md"
INTRODUCTION = """# The corpus of signatures

`make signatures` converts {models} small models, each with an input, an output or an axis that real models
have and simple examples have not, from every kind of source that PyTorch can write of it, to TFLite in
float32 and INT8. Each artifact that passes its gate is run by LiteRT's interpreter alone, at two sizes of
every free axis, and compared with what PyTorch gives: {float32:g} dB or more in float32, {int8:g} or more in
INT8 (weights are random, and values go beyond what calibration saw), 35 where the source itself computes in
half precision. The table has the worst of both sizes,
float32 / INT8, in decibels. `said`: no artifact ships, and one line says why; the lines are below the table.
"""


def write_page(rows: list[Row]) -> None:
    """Write the page."""
    counts = Counter(row.outcome for row in rows)
    total = ", ".join(f"{outcome} {count}" for outcome, count in counts.most_common())
    text = [
        INTRODUCTION.format(models=len(CASES), **LEAST_DB),
        f"Of {len(rows)}: {total}.\n",
        *table(
            ["Model", "What of it is not plain", *KINDS],
            [line(case.name, case.sentence, rows) for case in CASES],
        ),
        "\n## What does not ship\n",
        *dict.fromkeys(reason(row) for row in rows if row.outcome != "right"),
    ]
    PAGE.write_text("\n".join(text).rstrip() + "\n", encoding="utf-8")


def line(name: str, sentence: str, rows: list[Row]) -> list[str]:
    """A model's row: both precisions from each kind of source."""
    cells = []
    for kind in KINDS:
        found = [row for row in rows if (row.name, row.kind) == (name, kind)]
        by_precision = {row.precision: row for row in found}
        if not found:
            cells.append("–")
        elif "" in by_precision:
            cells.append("not a source")
        else:
            cells.append(" / ".join(short(by_precision[each]) for each in TARGETS))
    return [name, sentence, *cells]


def short(row: Row) -> str:
    """The agreement where it is right, else the outcome."""
    return row.detail.removesuffix(" dB") if row.outcome == "right" else row.outcome


def reason(row: Row) -> str:
    """The line that says why an artifact does not ship."""
    what = f"{row.kind}, {row.precision}" if row.precision else row.kind
    return f"* {row.name} ({what}): {row.outcome}: {escape(row.detail)}"
