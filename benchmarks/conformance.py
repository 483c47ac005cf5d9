"""ONNX's own conformance suite through the lowering and through onnx2tf; writes docs/conformance.md.

`python -m benchmarks.conformance [--only REGEX] [--way NAME …] [--fresh]`. Cases run in long-lived child
processes: one that crashes or hangs is a failed case, and the next child goes on behind it. Answers are kept
under `build/conformance` as they come, by versions and code: an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.conformance_cases import SUITES, Case, cases
from benchmarks.conformance_page import Results, page, tally

ROOT = Path(__file__).parent.parent
START_LIMIT_S = 180  # imports
CASE_LIMIT_S = 60
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "OMP_NUM_THREADS": "1",
    "TF_ENABLE_ONEDNN_OPTS": "1",  # grouped and dilated 3-D convolutions; on by itself on some CPUs alone
}
OWN = ("convertkit/**/*.py", "benchmarks/conformance_ways.py")
SOURCES = {  # what the answers of a way depend on
    "tensorflow": OWN,
    "tflite": OWN,
    "onnx2tf": (
        "benchmarks/conformance_onnx2tf.py",
        "convertkit/stages/onnx2tf_converter.py",
        "convertkit/graphs/onnx_graph.py",
    ),
}
SHARED_SOURCES = ("benchmarks/conformance_cases.py", "benchmarks/conformance_child.py")
PACKAGES = (
    "ai-edge-litert",
    "numpy",
    "onnx",
    "onnx2tf",
    "onnxruntime-gpu",
    "tensorflow",
    "tf-keras",
)


class Child:
    """A process that runs cases one way."""

    def __init__(self, way: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.conformance_child", way],
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._answer(START_LIMIT_S)

    def ask(self, number: int) -> tuple[str, str]:
        """Status and note of a case.

        Raises:
            TimeoutError, EOFError: it hangs, or crashed.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n".encode())
        self._process.stdin.flush()
        status, note = json.loads(self._answer(CASE_LIMIT_S))
        return status, note

    def _answer(self, limit_s: float) -> bytes:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], limit_s)[0]:
            raise TimeoutError
        line = self._process.stdout.readline()
        if not line:
            raise EOFError
        return line

    def close(self) -> None:
        """Kill it and whatever it started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def cache_path(way: str) -> Path:
    """Where the answers of a way are kept, by versions and code."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        digest.update(f"{package} {importlib.metadata.version(package)}\n".encode())
    for pattern in (*SHARED_SOURCES, *SOURCES[way]):
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return ROOT / "build" / "conformance" / f"{way}-{digest.hexdigest()[:16]}.jsonl"


def run(way: str, found: list[Case], numbers: list[int], path: Path) -> Results:
    """Status and note of each case; a child that dies or hangs fails the case that it was at."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = dict(json.loads(line) for line in path.read_text().splitlines()) if path.exists() else {}
    child: Child | None = None
    with path.open("a") as kept:
        for number in numbers:
            key = f"{found[number].suite}/{found[number].name}"
            if key in known:
                continue
            child = child or Child(way)
            try:
                known[key] = child.ask(number)
            except (TimeoutError, EOFError) as error:
                why = f"hung for {CASE_LIMIT_S} s" if isinstance(error, TimeoutError) else "crashed"
                known[key] = ("failed", why)
                child.close()
                child = None
            print(json.dumps([key, known[key]]), file=kept, flush=True)
    if child:
        child.close()
    return {number: tuple(known[f"{found[number].suite}/{found[number].name}"]) for number in numbers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a regular expression on case names")
    parser.add_argument("--way", action="append", choices=list(SOURCES), help="all three unless given")
    parser.add_argument("--fresh", action="store_true", help="forget the answers of earlier runs")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "conformance.md")
    arguments = parser.parse_args()
    ways = arguments.way or list(SOURCES)
    found = cases()
    chosen = [n for n, case in enumerate(found) if re.search(arguments.only, case.name)]
    judged = [n for n in chosen if not found[n].excluded]
    columns: dict[str, Results] = {}
    started = time.perf_counter()
    for way in ways:
        path = cache_path(way)
        if arguments.fresh:
            path.unlink(missing_ok=True)
        columns[way] = run(way, found, judged, path)
        for suite in SUITES:
            counts = tally(found, columns[way], suite)
            numbers = ", ".join(f"{counts[key]} {key}" for key in counts)
            print(f"{suite} {way}: {sum(counts.values())} cases, {numbers}", flush=True)
    print(f"{time.perf_counter() - started:.0f} s")
    if not arguments.only and list(columns) == list(SOURCES):
        arguments.output.write_text(page(found, columns))


if __name__ == "__main__":
    main()
