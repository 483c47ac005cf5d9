"""INT8 with weights rounded to nearest, and with the refinement of docs/int8.md, on the same samples.

`python -m benchmarks.int8 [NAME…]` converts each model with `--quality fast` and `--quality high`, keeps the
figures in build/int8, and writes the end of docs/int8.md. Validation samples are never calibration samples.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import convertkit
from benchmarks import rescue
from convertkit.measurement.latency import compare
from convertkit.render.markdown_table import table
from convertkit.report.report import HopRecord, Report

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "int8.md"
RESULTS = ROOT / "build" / "int8"
FIXTURES = ("digits", "mlp", "transformer", "two_inputs")
ZOO = (
    "mlp", "cnn", "two-inputs", "transformer-2x64", "conv1d", "conv3d", "norms", "pixel-shuffle", "unet",
    "yolo", "detr", "mobilenet-v2", "resnet-50",
)  # fmt: skip
TARGETS = ("tflite:int8", "onnx:int8")
SEEDED = 96
QUICK = ("bench.rounds=3", "bench.warmup_s=0.05")
SPLIT = ("sampling.calibration=32", "sampling.validation=48")
HEADING = "## Measured\n"
HEADINGS = ("Model", "Target", "Nearest, dB", "Ours, dB", "Kept", "Size", "Latency", "Refining, s")
INTRODUCTION = """
By `make int8` (`benchmarks/int8.py`): lowest SQNR of any output against PyTorch on validation samples, with
`--quality fast` and with `--quality high`, where both ways are made and the better is kept. Size and latency
are ratios to the artifact by nearest (one thread, interleaved rounds, 95 % interval); refining is the wall
time of all layers, on two cores. Zoo models have seeded random weights and random inputs. Within half a
decibel the smaller file is kept; a dash is what was not measured.
"""
Case = tuple[Any, dict[str, np.ndarray] | Path, tuple[str, ...]]


def main() -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or CASES:
        rows = measured(*CASES[name]())
        (RESULTS / f"{name}.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
        print(name, *rows, sep="\n  ", flush=True)
    PAGE.write_text(page(), encoding="utf-8")


def measured(model: Any, samples: dict[str, np.ndarray] | Path, settings: tuple[str, ...]) -> list[list[str]]:
    """The rows of one model, a target each."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        file = samples if isinstance(samples, Path) else folder / "samples.npz"
        if not isinstance(samples, Path):
            np.savez(file, **samples)
        words = {"to": TARGETS, "samples": file, "settings": (*QUICK, *settings), "cache": False}
        reports = {
            quality: convertkit.convert(model, out=folder / quality, quality=quality, **words)
            for quality in ("fast", "high")
        }
        return [row(target, folder, file, reports) for target in TARGETS]


def row(target: str, folder: Path, samples: Path, reports: dict[str, Report]) -> list[str]:
    """Plain beside refined, of one target; what was not made has its reason."""
    plain, ours = (hop_of(reports[quality], target) for quality in ("fast", "high"))
    if plain.artifact is None or ours.artifact is None:
        return [target, *["–"] * 5, (ours.error or plain.error or "")[:80]]
    latency = "1"
    if ours.refinement:
        graph = folder / "fast" / "model.onnx"  # first, since it takes the samples as the model does
        paths = [graph, folder / "fast" / plain.artifact.path, folder / "high" / ours.artifact.path]
        timed = [each.latency[0] for each in convertkit.bench(paths, samples=samples)]
        beside = compare(timed[2], timed[1])
        latency = f"{beside.ratio:.2f} [{beside.ci95[0]:.2f}–{beside.ci95[1]:.2f}]" if beside else "–"
    kept = "compensated" if ours.refinement else "nearest"
    size = ours.artifact.size_bytes / plain.artifact.size_bytes
    done = ours.refinement
    seconds = f"{done.seconds:.1f}" if done else "–"
    return [target, decibels(plain), decibels(ours), kept, f"{size:.3f}", latency, seconds]


def hop_of(report: Report, target: str) -> HopRecord:
    return next(hop for hop in report.hops if hop.target == target)


def decibels(hop: HopRecord) -> str:
    figure = next((each.sqnr_db for each in hop.attempts if each.kept), None)
    return "–" if figure is None else f"{figure:.1f}"


def fixture(name: str) -> Callable[[], Case]:
    folder = ROOT / "fixtures" / name
    return lambda: (folder / "model.pt2", folder / "samples.npz", ())


def planted(name: str) -> Callable[[], Case]:
    _, build, samples = rescue.MODELS[name]
    return lambda: (build(), samples(), rescue.SETTINGS)


def zoo(name: str) -> Callable[[], Case]:
    def make() -> Case:
        import torch

        from benchmarks.zoo_models import MODELS, made

        model = made(name)
        torch.manual_seed(2)
        inputs = MODELS[name].inputs(batch=SEEDED)
        arrays = {f"arr_{place}": each.numpy() for place, each in enumerate(inputs)}
        return model, arrays, SPLIT

    return make


CASES: dict[str, Callable[[], Case]] = {
    **{name: planted(name) for name in rescue.MODELS},
    **{f"fixture {name}": fixture(name) for name in FIXTURES},
    **{f"zoo {name}": zoo(name) for name in ZOO},
}


def page() -> str:
    """The page: what it says of the method as it is, then every model that was measured."""
    lines = [PAGE.read_text(encoding="utf-8").partition(HEADING)[0] + HEADING + INTRODUCTION]
    rows = []
    for name in CASES:
        file = RESULTS / f"{name}.json"
        if file.is_file():
            rows += [[name, *each] for each in json.loads(file.read_text(encoding="utf-8"))]
    return "\n".join([*lines, *table(HEADINGS, rows)]) + "\n"


if __name__ == "__main__":
    main()
