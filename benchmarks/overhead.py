"""What checking costs, and a run in which nothing has changed: ratios of wall times, in alternation.

Cold (no store, every process new): `convertkit convert` against the bare conversions. Warm (all in the
store): the same command against `convertkit --help`. One line a round, then each ratio with its interval.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "fixtures" / "digits" / "model.pt2"
SAMPLES = ROOT / "fixtures" / "digits" / "samples.npz"
ROUNDS = 7


def timed(command: list[str], **variables: str) -> float:
    """Wall seconds of a command that has to succeed."""
    environment = os.environ | {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"} | variables
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode()[-2000:])
    return time.perf_counter() - started


def checked_command(folder: Path, *more: str) -> list[str]:
    """The whole run, with validation and latency after every hop."""
    return [
        sys.executable, "-m", "convertkit", "convert", str(MODEL), "--to", "tflite:int8",
        "--samples", str(SAMPLES), "-o", str(folder), *more, "-q",
        "--set", "stages.onnx_to_savedmodel.converter=onnx2tf",
    ]  # fmt: skip


def bare_command(folder: Path) -> list[str]:
    """The same conversions by the same libraries."""
    return [sys.executable, "-m", "benchmarks.bare", str(MODEL), str(SAMPLES), str(folder)]


def main() -> None:
    cold()
    warm()


def warm() -> None:
    """A run that has been done before, beside the least that a command takes."""
    again, least, spent = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        run = checked_command(Path(folder) / "run")
        store = str(Path(folder) / "store")
        timed(run, CONVERTKIT_CACHE=store)
        for number in range(ROUNDS):
            before = processor_seconds()
            again.append(timed(run, CONVERTKIT_CACHE=store))
            spent.append(processor_seconds() - before)
            least.append(timed([sys.executable, "-m", "convertkit", "--help"]))
            print(f"round {number + 1}: again {again[-1]:.2f} s, --help {least[-1]:.2f} s", flush=True)
    print(told("again", again, "--help", least))
    print(f"median of processor time: again {statistics.median(spent):.2f} s")


def processor_seconds() -> float:
    """What the commands so far took of the processor: other work on the machine does not lengthen it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cold() -> None:
    """A run with all its checks, beside the conversions alone."""
    checked, bare = [], []
    with tempfile.TemporaryDirectory() as folder:
        timed(bare_command(Path(folder) / "warm"))
        for number in range(ROUNDS):
            checked.append(timed(checked_command(Path(folder) / f"checked-{number}", "--no-cache")))
            bare.append(timed(bare_command(Path(folder) / f"bare-{number}")))
            print(f"round {number + 1}: convertkit {checked[-1]:.2f} s, bare {bare[-1]:.2f} s", flush=True)
    print(told("convertkit", checked, "bare", bare))


def told(name: str, times: list[float], beside: str, others: list[float]) -> str:
    """The medians of both, and the ratio of the rounds with its interval."""
    ratios = np.asarray(times) / np.asarray(others)
    picks = np.random.default_rng(0).integers(0, ROUNDS, (2000, ROUNDS))
    low, high = np.percentile(np.median(ratios[picks], axis=1), (2.5, 97.5))
    return (
        f"median: {name} {statistics.median(times):.2f} s, {beside} {statistics.median(others):.2f} s; "
        f"ratio {float(np.median(ratios)):.2f} (95 % interval {low:.2f} to {high:.2f})"
    )


if __name__ == "__main__":
    main()
