"""What checking costs: `convertkit convert` against the bare conversions, in alternation, as a ratio.

Cold: no store, every process new. Prints one line a round, then the ratio and its bootstrap interval.
"""

from __future__ import annotations

import os
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


def timed(command: list[str]) -> float:
    """Wall seconds of a command that has to succeed."""
    environment = os.environ | {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode()[-2000:])
    return time.perf_counter() - started


def checked_command(folder: Path) -> list[str]:
    """The whole run, with validation and latency after every hop."""
    return [
        sys.executable, "-m", "convertkit", "convert", str(MODEL), "--to", "tflite:int8",
        "--samples", str(SAMPLES), "-o", str(folder), "--no-cache", "-q",
        "--set", "stages.onnx_to_savedmodel.converter=onnx2tf",
    ]  # fmt: skip


def bare_command(folder: Path) -> list[str]:
    """The same conversions by the same libraries."""
    return [sys.executable, "-m", "benchmarks.bare", str(MODEL), str(SAMPLES), str(folder)]


def main() -> None:
    checked, bare = [], []
    with tempfile.TemporaryDirectory() as folder:
        timed(bare_command(Path(folder) / "warm"))
        for number in range(ROUNDS):
            checked.append(timed(checked_command(Path(folder) / f"checked-{number}")))
            bare.append(timed(bare_command(Path(folder) / f"bare-{number}")))
            print(f"round {number + 1}: convertkit {checked[-1]:.2f} s, bare {bare[-1]:.2f} s", flush=True)
    ratios = np.asarray(checked) / np.asarray(bare)
    picks = np.random.default_rng(0).integers(0, ROUNDS, (2000, ROUNDS))
    low, high = np.percentile(np.median(ratios[picks], axis=1), (2.5, 97.5))
    print(
        f"median: convertkit {statistics.median(checked):.2f} s, bare {statistics.median(bare):.2f} s; "
        f"ratio {float(np.median(ratios)):.2f} (95 % interval {low:.2f} to {high:.2f})"
    )


if __name__ == "__main__":
    main()
