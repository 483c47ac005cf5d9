"""How far `bench` can be trusted: an artifact beside itself, and beside one that does 10 % or 3 % more work.

`python -m benchmarks.verdicts` writes docs/verdicts.md.
"""

from __future__ import annotations

import argparse
import platform
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import torch

from benchmarks.claims_table import table
from convertkit import api
from convertkit.config.run_settings import BenchOptions
from convertkit.environment.devices import cpu_name
from convertkit.measurement.measured import beside_first
from convertkit.measurement.rounds import measure
from convertkit.storage.temporary import temporary_folder
from convertkit.verbs.bench import SECONDS, open_all
from convertkit.verbs.opening import opened
from convertkit.words import worded_recipe

RUNS = 20
WIDTH = 384
PAGE = Path(__file__).resolve().parents[1] / "docs" / "verdicts.md"
FILES = ("model.onnx", "model.savedmodel", "model.tflite", "model.int8.tflite")
PAIRS = {"itself": (20, 20), "10 % more work": (20, 22), "3 % more work": (33, 34)}  # layers
VERDICTS = ("no measurable difference", "slower", "faster")


class Row(msgspec.Struct, frozen=True):
    """The verdicts of one kind of artifact, counted; `ratio` is the median of all runs."""

    kind: str
    beside: str
    verdicts: dict[str, int]
    ratio: float


def save_stack(layers: int, folder: Path) -> Path:
    """A stack of equal layers as `.pt2`, and its samples; the work is proportional to their number."""
    torch.manual_seed(0)
    parts = [part for _ in range(layers) for part in (torch.nn.Linear(WIDTH, WIDTH), torch.nn.ReLU())]
    batch = torch.export.Dim("batch")
    program = torch.export.export(
        torch.nn.Sequential(*parts).eval(), (torch.zeros(2, WIDTH),), dynamic_shapes=({0: batch},)
    )
    folder.mkdir()
    torch.export.save(program, folder / "model.pt2")
    samples = np.random.default_rng(0).normal(size=(32, WIDTH)).astype(np.float32)
    np.savez(folder / "samples.npz", x=samples)
    return folder


def convert_stack(folder: Path) -> None:
    """Every kind of artifact of a stack, in its folder `run`; the INT8 one need not be exact here."""
    api.convert(
        folder / "model.pt2",
        to=["tflite:float32", "tflite:int8"],
        samples=folder / "samples.npz",
        out=folder / "run",
        quality="fast",
        settings=["gate.int8.min_sqnr_db=0", "gate.int8.min_variation_db=-100", "bench.rounds=2"],
    )


def verdict_rows(folders: dict[int, Path], runs: int) -> Iterator[Row]:
    """Each pair of artifacts, so many times."""
    for beside, (one, other) in PAIRS.items():
        for kind in ("model.pt2", *FILES):
            paths = [folders[n] / (kind if kind == "model.pt2" else f"run/{kind}") for n in (one, other)]
            found = list(verdicts(paths, folders[one] / "samples.npz", runs))
            counts = Counter(verdict for verdict, _ in found)
            yield Row(kind, beside, dict(counts), float(np.median([ratio for _, ratio in found])))


def verdicts(paths: list[Path], samples: Path, runs: int) -> Iterator[tuple[str, float]]:
    """The verdict and the ratio of the second artifact beside the first, as `bench` has them."""
    options = BenchOptions(seconds=SECONDS)
    recipe = worded_recipe(samples=samples, device="cpu")
    with opened(recipe) as (workers, scratch):
        (first, second), sample = open_all(paths, recipe, workers, scratch, allow_code=False)
        for _ in range(runs):
            rows = measure([first, second, first], sample, None, options, workers, scratch)
            versus = beside_first(rows, str(paths[0]))[1][0].versus[0]
            yield versus.verdict, versus.ratio


def page(rows: list[Row], runs: int) -> str:
    """The Markdown page."""
    cells = [
        [row.kind, row.beside, f"{row.ratio:.3f}", *(str(row.verdicts.get(each, 0)) for each in VERDICTS)]
        for row in rows
    ]
    return (
        "# Verdicts of `bench`, tried\n\n"
        f"Written by `make bench` (`benchmarks/verdicts.py`): a stack of 20 layers of {WIDTH} × {WIDTH}\n"
        f"beside itself and beside one of 22, and one of 33 beside one of 34, each {runs} times, as\n"
        "`convertkit bench A B` measures them.\n"
        f"On {cpu_name()}, {platform.system()}, one thread, batch 1.\n\n"
        + table(["artifact", "beside", "ratio, median", *VERDICTS], cells)
        + "\n"
    )


def main() -> None:
    """Convert the stacks, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--page", type=Path, default=PAGE)
    words = parser.parse_args()
    with temporary_folder() as root:
        folders = {
            n: save_stack(n, root / str(n)) for n in sorted({n for pair in PAIRS.values() for n in pair})
        }
        for folder in folders.values():
            convert_stack(folder)
        rows = []
        for row in verdict_rows(folders, words.runs):
            print(row, flush=True)
            rows.append(row)
    words.page.write_text(page(rows, words.runs), encoding="utf-8")


if __name__ == "__main__":
    main()
