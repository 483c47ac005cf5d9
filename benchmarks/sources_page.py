"""The two tables of docs/sources.md, of one shape: what was given, how, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmarks.sources_case import Row
from benchmarks.sources_files import ROOT

PAGE = ROOT / "docs" / "sources.md"
BEGIN, END = "<!-- made by make sources -->", "<!-- end -->"
COLUMNS = ("given", "how", "exit code", "what it says", "hint pasted", "seconds")
DATA_TARGET = "Given to `convert(model, to='onnx', …)`, or behind `convertkit convert MODEL --to onnx`."
MARKUP = re.compile(r"([|*_<>])")


def tables(models: Sequence[Row], data: Sequence[Row]) -> str:
    """Both tables, each with its heading and its count."""
    pasted = sum(bool(row.pasted) for row in models)
    parts = [
        "## Forms of model",
        f"{counted(models)} {pasted} hints were pasted as they stand, and did what they say.",
        table(models),
        "## Forms of data",
        f"{counted(data)} {DATA_TARGET}",
        table(data),
    ]
    return "\n\n".join(parts)


def counted(rows: Sequence[Row]) -> str:
    """How many convert."""
    whole = sum(row.code == 0 for row in rows)
    return f"{len(rows)} forms: {whole} convert, {len(rows) - whole} are answered by a line."


def table(rows: Sequence[Row]) -> str:
    """One line a form."""
    lines = [line_of(COLUMNS), line_of("---" for _ in COLUMNS)]
    lines += [line_of(cells_of(row)) for row in rows]
    return "\n".join(lines)


def cells_of(row: Row) -> tuple[str, ...]:
    """A row's cells, in the order of the columns."""
    how = f"`{row.command.replace('convertkit convert ', '')}`"
    return (row.given, how, str(row.code), plain(row.told), row.pasted, f"{row.seconds:.0f}")


def plain(text: str) -> str:
    """Text in which Markdown has nothing to say."""
    return MARKUP.sub(r"\\\1", text)


def line_of(cells: Sequence[str] | object) -> str:
    """A line of a table."""
    return "| " + " | ".join(re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in cells) + " |"


def write_page(models: Sequence[Row], data: Sequence[Row]) -> None:
    """Put the tables between their marks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{tables(models, data)}\n{END}{after}", encoding="utf-8")


def recorded() -> dict[str, list[tuple[str, ...]]]:
    """The cells of every row that the page has, by the heading above them."""
    text = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    found: dict[str, list[tuple[str, ...]]] = {}
    rows: list[tuple[str, ...]] = []
    for line in text.splitlines():
        if line.startswith("## "):
            rows = found[line[3:]] = []
        elif line.startswith("| ") and not line.startswith(("| given", "| ---")):
            cells = re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |"))
            rows.append(tuple(re.sub(r"\\(.)", r"\1", cell) for cell in cells))
    return found
