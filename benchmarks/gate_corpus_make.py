"""One model of the corpus, converted by the product; its artifacts' outputs are kept as cases.

`python -m benchmarks.gate_corpus_make GROUP NAME`, in a process of its own.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import convertkit
from benchmarks.gate_corpus_case import Arrays
from benchmarks.gate_corpus_record import recording
from convertkit.errors import ConvertkitError

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "build" / "gate-corpus"
TARGETS = ("tflite:float32", "tflite:int8")
UNTIMED = ("bench.rounds=1", "bench.calls=2", "bench.warmup_s=0.001")
HALVES = ("sampling.calibration=64", "sampling.validation=64")
FINISHED = "hops.json"
HELD_BACK = "held-back"


def make_wrong(name: str) -> None:
    """A small model: its artifacts, its artifacts fed wrongly, and what it gives with wrong weights."""
    from benchmarks.gate_corpus_faults import FEEDS, faults
    from benchmarks.gate_corpus_models import MODELS

    small = MODELS[name]
    samples = small.samples()
    folder = emptied(CORPUS / "wrong" / name)
    with recording(folder, name, faults(small, samples), FEEDS):
        convert(folder, small.build(), samples, TARGETS, HALVES)


def make_right(group: str, name: str) -> None:
    """A model whose artifacts are right, in all its variants."""
    from benchmarks.gate_corpus_right import right_models

    right = next(each for each in right_models() if (each.group, each.name) == (group, name))
    folder = emptied(CORPUS / group / name)
    with recording(folder, name):
        convert(folder, right.source(), right.samples(), right.to, right.settings, right.factory)


def make_held_back(name: str) -> None:
    """A model that no tolerance was chosen by: a small one as for `make_wrong`, or one of the zoo in INT8."""
    from benchmarks.gate_corpus_held_back import MODELS
    from benchmarks.gate_corpus_right import zoo_module, zoo_samples

    folder = emptied(CORPUS / HELD_BACK / name)
    with recording(folder, name):
        if name in MODELS:
            convert(folder, MODELS[name].build(), MODELS[name].samples(), TARGETS, HALVES)
        else:
            convert(folder, zoo_module(name), zoo_samples(name), TARGETS[1:], ())


def emptied(folder: Path) -> Path:
    """The folder, without what an earlier run kept."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def convert(
    folder: Path,
    source: Any,
    samples: Arrays,
    to: tuple[str, ...],
    settings: tuple[str, ...],
    factory: str | None = None,
) -> None:
    """Run the product, and write down what it says of each hop."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "samples.npz"
        np.savez(file, **samples)  # type: ignore[arg-type]
        report = convertkit.convert(
            source,
            to=to,
            samples=file,
            out=Path(scratch) / "run",
            settings=(*UNTIMED, *settings),
            factory=factory,
            quality="fast",  # weights rounded to nearest alone: what fails so is told too
            cache=False,
        )
    hops = [
        {
            "target": hop.target,
            "status": hop.status,
            "error": hop.error or "",
            "converter": hop.converter,
            "attempts": [
                [attempt.converter, attempt.status, attempt.error or ""] for attempt in hop.attempts
            ],
        }
        for hop in report.hops
    ]
    seconds = round(time.perf_counter() - started, 1)
    (folder / FINISHED).write_text(json.dumps({"seconds": seconds, "hops": hops}, indent=1), encoding="utf-8")


def main() -> None:
    warnings.filterwarnings("ignore")
    group, name = sys.argv[1:]
    try:
        if group == "wrong":
            make_wrong(name)
        elif group == HELD_BACK:
            make_held_back(name)
        else:
            make_right(group, name)
    except ConvertkitError as error:
        raise SystemExit(f"{name}: {error}") from error


if __name__ == "__main__":
    main()
