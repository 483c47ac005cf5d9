"""Write docs/gpu.md from what `benchmarks.gpu` wrote: `python -m benchmarks.gpu_page FILE … PAGE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.gpu_order import orders
from benchmarks.gpu_rows import key

UNREACHED = "not reached"
INTRODUCTION = """# On a GPU

Written by `make bench-gpu`. What it says is what ran; a row that failed says why.

* `eager`, `compile MODE`: PyTorch, timed by CUDA events. `onnxruntime`: the ONNX file that convertkit made,
  on the CUDA provider, inputs and outputs bound on the card, timed by the wall clock; `graph`: replayed as a
  CUDA graph. `convertkit …`: rows of the report of a run with `--device cuda`.
* float32 is float32: TF32 is off but in the rows that say `tf32`.
* p50 of 15 interleaved rounds, its bootstrap 95 % interval; the process has the card for itself.
* SQNR: outputs of the first four samples beside those of the source in float32 on the CPU.
* Memory is what the form added to what was there: forms of PyTorch share weights that are on the card before.
  `card` is what the driver says, context and workspaces too.
* compile: seconds of the first call, several compilations side by side.

"""
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


def merged(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of all runs; of what several measured, the first. What a run did not reach is said elsewhere."""
    kept: dict[Any, dict[str, Any]] = {}
    for row in (row for run in runs for row in run["rows"]):
        about = (*key(row), row.get("device"))
        if not row.get("error", "").startswith(UNREACHED) and (about not in kept or "error" in kept[about]):
            kept[about] = row
    return list(kept.values())


def missing(found: list[dict[str, Any]]) -> list[str]:
    """What the bench orders and no run measured."""
    measured = {key(row) for row in found if row.get("p50_ms")}
    lines: dict[str, list[str]] = {}
    for order in orders("cuda:0", Path(), Path(), is_quick=False):
        for batch in order.batches:
            absent = [
                form for form in order.forms if (order.model, order.precision, form, batch) not in measured
            ]
            if absent:
                is_all = len(absent) == len(order.forms) and not order.is_last
                words = "all of it" if is_all else ", ".join(absent)
                lines.setdefault(f"{order.model}, {order.precision}, batch {batch}", []).append(words)
    return [f"* {name}: {', '.join(dict.fromkeys(words))}" for name, words in lines.items()] or ["* Nothing."]


def page(runs: list[dict[str, Any]]) -> str:
    """The whole page: a part for each kind of machine, in the order of the runs."""
    machines: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        machines.setdefault(", ".join(run["machine"]["gpus"]) or "no GPU (a rehearsal)", []).append(run)
    lines = INTRODUCTION.splitlines()
    for gpus, own in machines.items():
        lines += part(gpus, own)
    return "\n".join(lines).rstrip() + "\n"


def part(gpus: str, runs: list[dict[str, Any]]) -> list[str]:
    """Lines about one kind of machine."""
    place = runs[0]["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(place["packages"].items()))
    seconds = ", ".join(f"{run['seconds']:.0f} s" for run in runs)
    lines = [
        *(f"## {gpus}", ""),
        f"* Driver {place['driver'] or 'none'}; {place['cores']} cores; Python {place['python']}.",
        f"* {versions}.",
        f"* {len(runs)} run{'s' * (len(runs) > 1)}: {seconds}.",
        "",
    ]
    found = merged(runs)
    names = dict.fromkeys((row["model"], row["precision"]) for row in found)
    for model, precision in names:
        rows = [row for row in found if (row["model"], row["precision"]) == (model, precision)]
        rows.sort(key=lambda row: row.get("batch") or 0)
        title = f"### {model}, {precision}" if precision else f"### {model}"
        lines += [title, "", *table(HEADINGS, list(map(cells, rows))), ""]
    return [*lines, "### What has not run", "", *missing(found), ""]


def main() -> None:
    *files, target = sys.argv[1:]
    Path(target).write_text(page([json.loads(Path(file).read_text()) for file in files]))


if __name__ == "__main__":
    main()
