"""A real file: where its wheel keeps it, what it is given with, and how its source is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.real_files_samples import Arrays

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "build" / "real-files"
WHEELS = KEPT / "wheels"
FLOAT, INT8, ONNX_INT8 = ("--to", "tflite:float32"), ("--to", "tflite:int8"), ("--to", "onnx:int8")
ALL = (*FLOAT, *INT8, *ONNX_INT8)
FACTORIES = "benchmarks.real_files_factories"


class Case(msgspec.Struct, frozen=True):
    """One file.

    Attributes:
        file: within the folder of wheels.
        given: what it is.
        verb: of the command line: `convert`, or `validate` or `bench` for what nothing is made of.
        words: behind the file.
        samples: the arrays of the `.npz` that it is given with; None: none are given.
        calls: inputs of two calls of the source, at two sizes of every free axis; None: none is compared.
        factory: the callable in benchmarks/real_files_factories.py that a state dict goes into.
        targets: what is asked for.
    """

    name: str
    file: str
    given: str
    words: tuple[str, ...] = ()
    samples: Callable[[], Arrays] | None = None
    calls: Callable[[], tuple[Arrays, Arrays]] | None = None
    factory: str = ""
    targets: tuple[str, ...] = (*FLOAT, *INT8)
    verb: str = "convert"

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return WHEELS / self.file

    @property
    def folder(self) -> Path:
        """Where its run lies."""
        return KEPT / "runs" / self.name


class Row(msgspec.Struct, frozen=True):
    """What came of a file.

    Attributes:
        inspected: exit code of `inspect`.
        outcome: `converted`, `measured`, `float alone` (an integer artifact does not ship, and one line says
            why), `said` (none does), `wrong` (one ships that is not the source), `traceback`.
        detail: decibels of what ships by the run's own judgement, or the line.
        own_db: the float artifact beside the source at two sizes, decibels; None: not compared.
    """

    name: str
    given: str
    command: str
    inspected: int
    code: int
    outcome: str
    detail: str
    seconds: float
    own_db: tuple[float, ...] | None = None
