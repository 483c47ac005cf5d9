"""docs/peers.md: what `benchmarks.against_peers` measured last, model by model."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.peers_latency import BLOCK
from convertkit.render.markdown_table import table

PAGE = Path(__file__).parent.parent / "docs" / "peers.md"
PEERS = ("onnx2tf", "litert-torch")
VERSIONS = ("torch", "onnx", "tensorflow", "ai-edge-litert", "onnx2tf", "transformers")
LATENCY = (
    "Model", "Batch", "Ours, ms", "onnx2tf, ms", "litert-torch, ms", "Best peer", "Ratio", "95 % interval",
)  # fmt: skip
CONVERSION = (
    "Model", "Ours, s", "onnx2tf, s", "litert-torch, s", "Time, to onnx2tf's", "Ours, kB", "onnx2tf, kB",
    "litert-torch, kB", "Size, to the smallest peer's", "dB, ours", "dB, onnx2tf", "dB, litert-torch",
)  # fmt: skip
TEXT = (
    "Float models with seeded random weights as `.tflite`: ours with a dynamic batch (one file for all), a",
    "peer's with the batch fixed, one file each. Milliseconds are medians over interleaved rounds, one",
    "thread; the ratio is ours to the fastest peer's that is right (60 dB against PyTorch), in the median",
    "over rounds, with its bootstrap interval. Images are channels-last for all.",
    "",
)
CONVERSION_TEXT = (
    "Seconds from ONNX (litert-torch: from the module) to the `.tflite`, imports not counted; onnx2tf writes",
    "a float16 file beside. SQNR is of batch 1, against PyTorch.",
    "",
)


def write_page(rows: list[dict[str, Any]]) -> None:
    """Write the page from what was measured."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    lines = ["# Beside the peers", "", f"By `make peers`: {versions}, litert-torch 0.10.0.", "", *TEXT]
    rounds = ", ".join(sorted({str(row["rounds"]) for row in rows}))
    lines += [f"Rounds: {rounds}, of {BLOCK} calls each.", ""]
    lines += [
        "",
    ]
    lines += table(LATENCY, [latency(row, batch) for row in rows for batch in (1, 8)])
    lines += ["", "## Conversion and size", "", *CONVERSION_TEXT]
    lines += table(CONVERSION, [conversion(row) for row in rows])
    lines += ["", "## Operators", "", "Of the files for batch 1.", ""]
    lines += table(("Model", "Ours", *PEERS), [counts(row) for row in rows])
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def latency(row: dict[str, Any], batch: int) -> list[str]:
    """One line of the first table."""
    found = row[f"batch{batch}"]
    cells = [said(found["ms"].get(way)) for way in ("ours", *PEERS)]
    if "ratio" not in found:
        return [row["model"], str(batch), *cells, "–", "–", "–"]
    middle, low, high = found["ratio"]
    return [row["model"], str(batch), *cells, found["best"], f"{middle:.2f}", f"{low:.2f} to {high:.2f}"]


def conversion(row: dict[str, Any]) -> list[str]:
    """One line of the second table."""
    records = [row["ours"], *[row.get(way, {}).get("1", {}) for way in PEERS]]
    seconds = [record.get("seconds") for record in records]
    sizes = [record.get("size") for record in records]
    others = [size for size in sizes[1:] if size]
    return [
        row["model"],
        *["–" if value is None else f"{value:.1f}" for value in seconds],
        f"{seconds[0] / seconds[1]:.2f}" if seconds[0] and seconds[1] else "–",
        *["–" if value is None else f"{value / 1000:.0f}" for value in sizes],
        f"{sizes[0] / min(others):.3f}" if others else "–",
        *[said(row["batch1"]["db"].get(way)) for way in ("ours", *PEERS)],
    ]


def counts(row: dict[str, Any]) -> list[str]:
    """One line of the last table."""
    records = [row["ours"], *[row.get(way, {}).get("1", {}) for way in PEERS]]
    return [row["model"], *[listed(record) for record in records]]


def listed(record: dict[str, Any]) -> str:
    """All operators of a file in one cell, their number first."""
    if "operators" not in record:
        return str(record.get("error", "–")).replace("|", " ")
    found: dict[str, int] = record["operators"]
    return f"{sum(found.values())}: " + ", ".join(f"{n} {name}" for name, n in ordered(found.items()))


def ordered(items: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """The most frequent first."""
    return sorted(items, key=lambda item: (-item[1], item[0]))


def said(value: Any) -> str:
    """A figure, or a dash."""
    return "–" if value is None else str(value)
