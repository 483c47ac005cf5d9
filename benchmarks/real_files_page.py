"""The table of docs/real-files.md: what was given, how, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.real_files_case import ROOT, Row
from benchmarks.sources_page import line_of, plain

PAGE = ROOT / "docs" / "real-files.md"
COLUMNS = ("file", "given", "outcome", "by the run", "at two sizes, dB", "seconds")
HEAD = """# Real files

Pretrained files that packages ship (benchmarks/real-files.txt), each given to the command line as a
user of its package would, with samples as that prepares them. Written by `make real-files`. "By the
run" is what it says itself of what ships, or its one line; "at two sizes" is the float `.tflite` in
LiteRT beside the source in its own runtime, without `convertkit`.
"""


def write_page(rows: Sequence[Row]) -> None:
    """Write the page."""
    counts = Counter(row.outcome for row in rows)
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    lines = [line_of(COLUMNS), line_of("---" for _ in COLUMNS), *(line_of(cells_of(row)) for row in rows)]
    table = "\n".join(lines)
    PAGE.write_text(f"{HEAD}\n{len(rows)} files: {told}.\n\n{table}\n", encoding="utf-8")


def cells_of(row: Row) -> tuple[str, ...]:
    """A row's cells, in the order of the columns."""
    own = "" if row.own_db is None else ", ".join(f"{value:.0f}" for value in row.own_db)
    return f"`{row.command}`", plain(row.given), row.outcome, plain(row.detail), own, f"{row.seconds:.0f}"
