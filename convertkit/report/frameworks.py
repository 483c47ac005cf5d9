"""The table of frameworks: its types (the contract of `frameworks.json`). Measures nothing."""

from __future__ import annotations

import msgspec

from convertkit.environment.versions import Environment
from convertkit.measurement.latency import Latency
from convertkit.report.report import Record

JSON_FILE = "frameworks.json"
PAGE_FILE = "frameworks.md"
EAGER = "PyTorch"
FRAMEWORKS = {
    "torch": EAGER,
    "onnx": "ONNX Runtime",
    "savedmodel": "TensorFlow",
    "tflite": "LiteRT",
}
"""Format → the framework that runs it."""


class FrameworkRow(Record, frozen=True, kw_only=True):
    """A model in one framework, with one batch.

    Attributes:
        latency: measured beside the others, or why not; `compiled` tells the modes of torch.compile apart.
        sqnr_db: of the worst output, beside PyTorch in eager mode; null where the gate of torch.compile alone
            judged, and for eager mode itself.
    """

    framework: str
    latency: Latency
    sqnr_db: float | None = None


class ModelRows(Record, frozen=True, kw_only=True):
    """One model.

    Attributes:
        unit: what its samples are called.
        weights_bytes: of its parameters and buffers.
        error: why there are no rows; empty where there are.
    """

    name: str
    title: str
    unit: str
    weights_bytes: int = 0
    rows: tuple[FrameworkRow, ...] = ()
    error: str = ""

    @property
    def is_whole(self) -> bool:
        """True where every framework has its figures; modes of torch.compile may lack theirs."""
        asked = [row for row in self.rows if not row.latency.compiled]
        return not self.error and bool(asked) and all(row.latency.p50_ms for row in asked)


class FrameworkTable(Record, frozen=True, kw_only=True):
    """The whole table. `frameworks.json` is this, as JSON; fields may be added, none renamed.

    Attributes:
        started: ISO 8601, UTC.
        seconds: wall time of all: building, converting, comparing and measuring.
        is_small: of tiny models, which say nothing of the frameworks' speed.
        load: processes that wanted the CPU in the minute before it began, and at its end.
    """

    convertkit: str
    started: str
    seconds: float
    is_small: bool
    load: tuple[float, float]
    environment: Environment
    cores: int
    models: tuple[ModelRows, ...] = msgspec.field(default=())

    @property
    def is_whole(self) -> bool:
        """True where every model has its figures."""
        return all(model.is_whole for model in self.models)
