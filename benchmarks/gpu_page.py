"""Write docs/gpu.md from the JSON of `benchmarks.gpu`: `python -m benchmarks.gpu_page FILE [PAGE]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HEADINGS = (
    *("form", "batch", "p50, ms", "95 % interval", "per second", "allocated", "peak", "card", "SQNR, dB"),
    *("compile, s", "remark"),
)


def table(headings: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(cells) + " |" for cells in (headings, *rows)]
    return [lines[0], "|" + "---|" * len(headings), *lines[1:]]


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def size(value: int | None) -> str:
    return "" if value is None else f"{value / 1e6:,.0f} MB"


def remark(row: dict[str, Any]) -> str:
    """What a reader of the row has to know."""
    words = [row.get(key) for key in ("error", "skipped", "told")]
    if row.get("left_on_cpu"):
        words.append(f"partial: {', '.join(row['left_on_cpu'])} on the CPU")
    if row.get("loop_s"):
        words.append(f"1,000 calls, one wait: {row['loop_s']:.3f} s")
    if "is_fully_accelerated" in row:
        words.append("fully accelerated" if row["is_fully_accelerated"] else "partly accelerated")
    return "; ".join(word.replace("|", "/") for word in words if word)


def compile_s(row: dict[str, Any]) -> float | None:
    """What compiling took: where it was prepared, else in the first call."""
    return row.get("compile_s") or (row.get("first_call_s") if row["form"].startswith("compile") else None)


def cells(row: dict[str, Any]) -> list[str]:
    """A row of the table."""
    memory, interval = row.get("gpu_memory") or {}, row.get("p50_ci95_ms")
    is_ours = row["form"].startswith("convertkit") and "device" in row
    return [
        f"{row['form']}, {row['device']}" if is_ours else row["form"],
        str(row.get("batch") or ""),
        number(row.get("p50_ms")),
        f"{number(interval[0])} to {number(interval[1])}" if interval else "",
        number(row.get("samples_per_s")),
        *(size(memory.get(f"{name}_bytes")) for name in ("allocated", "peak", "card")),
        f"{row['sqnr_db']:.1f}" if "sqnr_db" in row else "",
        number(compile_s(row)),
        remark(row),
    ]


def page(found: dict[str, Any]) -> str:
    """The whole page."""
    place = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(place["packages"].items()))
    gpus = ", ".join(place["gpus"]) or "no GPU (a rehearsal)"
    lines = [
        "# On a GPU",
        "",
        "Written by `make bench-gpu`. What it says is what ran; a row that failed says why.",
        "",
        f"* {gpus}; driver {place['driver'] or 'none'}; {place['cores']} cores; Python {place['python']}.",
        f"* {versions}.",
        f"* {found['seconds']:.0f} s; {found['prepared_s']:.0f} s of it exporting, compiling side by side.",
        "",
    ]
    names = dict.fromkeys((row["model"], row["precision"]) for row in found["rows"])
    for model, precision in names:
        rows = [row for row in found["rows"] if (row["model"], row["precision"]) == (model, precision)]
        rows.sort(key=lambda row: row.get("batch") or 0)
        lines += [
            f"## {model}{', ' + precision if precision else ''}",
            "",
            *table(HEADINGS, list(map(cells, rows))),
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    text = page(json.loads(Path(sys.argv[1]).read_text()))
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(text)
    print(text)


if __name__ == "__main__":
    main()
