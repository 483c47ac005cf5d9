"""Latency by `bench` beside that of each runtime's own loop or tool, in alternation, a round of each in turn.

`python -m benchmarks.own_loops` writes docs/own-loops.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.claims_table import table
from benchmarks.verdicts import convert_stack, save_stack
from convertkit.artifacts.tensors import write_npz
from convertkit.config.run_settings import BenchOptions
from convertkit.environment.devices import cpu_name
from convertkit.measurement.latency import paired
from convertkit.measurement.rounds import Contender, contender, time_round, warm_up
from convertkit.storage.temporary import temporary_folder
from convertkit.verbs.bench import open_all
from convertkit.verbs.opening import opened
from convertkit.words import worded_recipe

ROUNDS = 15
CALLS = 100
LAYERS = 60  # a millisecond and more: the tool rounds to 0.01 ms
NEAR = 0.10
PAGE = Path(__file__).resolve().parents[1] / "docs" / "own-loops.md"
TOOL = "litert-benchmark"
LOOPS = {
    "model.pt2": ("torch.utils.benchmark, layers", "torch.utils.benchmark, module()"),
    "run/model.onnx": ("ONNX Runtime, IOBinding",),
    "run/model.tflite": ("LiteRT, Interpreter", TOOL),
    "run/model.int8.tflite": ("LiteRT, Interpreter", TOOL),
}
Loop = Callable[[], float]
"""One round of a runtime's own loop: the median of a call, milliseconds."""


class Row(msgspec.Struct, frozen=True):
    """One artifact by `bench` and by another loop; milliseconds, the medians of all rounds."""

    artifact: str
    loop: str
    bench_ms: float
    own_ms: float
    ratio: float
    ci95: tuple[float, float]

    @property
    def is_near(self) -> bool:
        """True where `bench` is within NEAR of the other loop."""
        return abs(self.ratio - 1) <= NEAR


@contextmanager
def own_loop(loop: str, path: Path, inputs: Path) -> Iterator[Loop]:
    """The loop, ready to be run round by round: in a process that stays, a tool in a new one each round.

    Args:
        inputs: the arrays of one call.
    """
    if loop == TOOL:
        yield lambda: tool_round(path)
        return
    command = [sys.executable, "-m", "benchmarks.own_loop", loop, str(path), str(inputs), str(CALLS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answers = process.stdin, process.stdout

        def one_round() -> float:
            asked.write("round\n")
            asked.flush()
            return float(answers.readline())

        one_round()
        yield one_round
        asked.close()


def tool_round(path: Path) -> float:
    """One run of LiteRT's own tool, its CompiledModel on one thread."""
    with temporary_folder() as folder:
        result = folder / "result.json"
        command = [
            str(Path(sys.executable).parent / TOOL), "--model", str(path), "--num_threads", "1",
            "--num_runs", str(CALLS), "--result_json", str(result),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        found = json.loads(result.read_text(encoding="utf-8"))
    return float(found["latency"]["median_ms"])  # in hundredths


def rows_of(folder: Path, rounds: int) -> Iterator[Row]:
    """Every artifact of a stack beside every loop of its runtime."""
    options = BenchOptions(calls=CALLS)
    recipe = worded_recipe(samples=folder / "samples.npz", device="cpu")
    with opened(recipe) as (workers, scratch):
        artifacts, sample = open_all(
            [folder / name for name in LOOPS], recipe, workers, scratch, allow_code=False
        )
        inputs = scratch / "own.npz"
        write_npz(inputs, sample)
        for (name, loops), artifact in zip(LOOPS.items(), artifacts, strict=True):
            for loop in loops:
                one = contender(artifact, inputs, 1, "cpu", options)
                warm_up(one, options, workers)

                def bench_round(one: Contender = one) -> float:
                    time_round(one, workers)
                    return float(np.median(one.rounds[-1])) / 1e6

                with own_loop(loop, folder / name, inputs) as own_round:
                    yield in_alternation(Path(name).name, loop, bench_round, own_round, rounds)


def in_alternation(artifact: str, loop: str, bench_round: Loop, own_round: Loop, rounds: int) -> Row:
    """So many rounds of each; which comes first changes from one to the next."""
    taken: list[tuple[float, float]] = []
    for number in range(rounds):
        if number % 2:
            own = own_round()
            taken.append((bench_round(), own))
        else:
            taken.append((bench_round(), own_round()))
    bench, own = np.array(taken).T
    ratio, low, high = paired(bench / own)
    return Row(artifact, loop, float(np.median(bench)), float(np.median(own)), ratio, (low, high))


def page(rows: list[Row], rounds: int) -> str:
    """The Markdown page."""
    cells = [
        [
            f"`{row.artifact}`",
            row.loop,
            f"{row.bench_ms:.3f}",
            f"{row.own_ms:.3f}",
            f"{row.ratio:.2f} ({row.ci95[0]:.2f} to {row.ci95[1]:.2f})",
        ]
        for row in rows
    ]
    near = sum(row.is_near for row in rows)
    return (
        "# `bench` beside the runtimes' own loops\n\n"
        f"Written by `python -m benchmarks.own_loops`: a stack of {LAYERS} layers of 384 × 384, batch 1,\n"
        f"one thread; {rounds} rounds of each, in alternation, {CALLS} calls in a round, the median of a\n"
        "call. The processes are apart, as `bench` and another tool would be. *Layers* are those that the\n"
        "program was exported from; its `module()` looks its weights up in each call, which `bench`\n"
        "leaves out.\n"
        f"On {cpu_name()}, {platform.system()}.\n"
        f"Within {NEAR:.0%} of the other loop: {near} of {len(rows)}.\n\n"
        + table(
            ["artifact", "the other loop", "`bench`, ms", "other, ms", "ratio (95 % interval)"],
            cells,
        )
        + "\n"
    )


def main() -> None:
    """Convert the stack, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--page", type=Path, default=PAGE)
    words = parser.parse_args()
    with temporary_folder() as root:
        folder = save_stack(LAYERS, root / "stack")
        convert_stack(folder)
        rows = []
        for row in rows_of(folder, words.rounds):
            print(row, flush=True)
            rows.append(row)
    words.page.write_text(page(rows, words.rounds), encoding="utf-8")


if __name__ == "__main__":
    main()
