"""docs/zoo.md: what `benchmarks.zoo` measured last, model by model."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from convertkit.render.markdown_table import table

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "zoo.md"
ROW = "row.json"
VERSIONS = ("torch", "onnx", "tensorflow", "ai-edge-litert", "onnx2tf", "transformers")
MODEL_COLUMNS = {
    "model": "Model",
    "exporter": "Exporter",
    "savedmodel_db": "SavedModel, dB",
    "tflite_db": "TFLite, dB",
    "int8_db": "TFLite INT8, dB",
    "transposes": "TRANSPOSE",
    "flex": "Flex",
    "lower_s": "Lowering, s",
    "peak_mb": "Peak, MB",
    "mb": "TFLite, MB",
}
MODELS_TEXT = (
    "Models with seeded random weights, from PyTorch through ONNX and the lowering into a `.tflite` of",
    "built-in operators, with a dynamic batch and, where a model takes them, dynamic lengths, heights and",
    "widths. SQNR against PyTorch is the lowest of batch 1, 2 and 5 and of two other sizes of every other",
    "dynamic axis. INT8 is TFLiteConverter's, of the same SavedModel, calibrated by 32 seeded samples.",
    "",
)


def keep(folder: Path, name: str, row: dict[str, Any]) -> None:
    """Write a measured row down beside the model it is of."""
    (folder / name).write_text(json.dumps(row), encoding="utf-8")


def kept(zoo: Path, name: str, models: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of those models that were measured, in the order of the models."""
    files = [zoo / model / name for model in models]
    return [json.loads(file.read_text(encoding="utf-8")) for file in files if file.is_file()]


def cells(columns: dict[str, str], rows: list[dict[str, Any]]) -> list[list[str]]:
    """A row's figures as text; what was not measured is a dash."""
    return [[str(row[key]) if row.get(key) is not None else "–" for key in columns] for row in rows]


def write_page(zoo: Path, models: Iterable[str]) -> None:
    """Write the page from what was kept."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    lines = [
        "# The zoo",
        "",
        f"By `make zoo`: {versions}.",
        "",
        *MODELS_TEXT,
        *table(tuple(MODEL_COLUMNS.values()), cells(MODEL_COLUMNS, kept(zoo, ROW, models))),
    ]
    lines += ["", "Beside onnx2tf and litert-torch: [peers](peers.md)."]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
