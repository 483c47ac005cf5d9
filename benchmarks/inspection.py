"""What it costs to look at a model of 100 MB before anything loads it; docs/inspection.md.

Every kind of file is read, checked and hashed as in every run. Medians of fresh processes, the files in the
cache of the disk. Exits 1 where one takes longer than half a second.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from convertkit.environment.devices import cpu_name

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 7
LIMIT_S = 0.5
FILES = (
    "model.pt2", "script.pt", "weights.pt", "weights.safetensors", "run/model.onnx", "run/model.savedmodel",
    "run/model.tflite",
)  # fmt: skip
ONCE = """
import sys, time
from pathlib import Path
from convertkit.artifacts.digest import hash_path
from convertkit.sources import check_trusted, inspect_source
path = Path(sys.argv[1])
started, began = time.process_time(), time.perf_counter()
file = inspect_source(path)
check_trusted(file, allow_code=False)
inspected, ended = time.process_time(), time.perf_counter()
hash_path(path)
print(file.kind, file.size_bytes, inspected - started, time.process_time() - inspected, ended - began)
"""


class Row(NamedTuple):
    """What it took to look at a file, medians; seconds.

    Attributes:
        inspected: of the processor.
        hashed: of those, what SHA-256 takes.
        wall: on the clock.
    """

    kind: str
    size_bytes: int
    inspected: float
    hashed: float
    wall: float


def measured(path: Path) -> Row:
    """A file's row; the first process brings it into the cache and does not count."""
    rounds = []
    for _ in range(ROUNDS + 1):
        command = [sys.executable, "-c", ONCE, str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        kind, size, *seconds = done.stdout.split()
        rounds.append([float(each) for each in seconds])
    medians = [statistics.median(values) for values in zip(*rounds[1:], strict=True)]
    return Row(kind, int(size), *medians)


def page(rows: Sequence[Row]) -> str:
    """The page."""
    day = datetime.datetime.now(datetime.UTC).date()
    table = "\n".join(
        f"| {kind} | {size / 1e6:.0f} | {inspected:.2f} | {hashed:.2f} | {wall:.2f} |"
        for kind, size, inspected, hashed, wall in rows
    )
    return f"""# What looking at a model costs

`python -m benchmarks.inspection --page docs/inspection.md` (a part of `make bench`) makes a transformer of
100 MB in every kind of file and times, in the command itself, what is done before anything loads one: it is
read, checked and hashed ([security](security.md)). A worker then opens the file as its framework does, and
checks nothing again. Medians of {ROUNDS} processes each, the files in the cache of the disk; {day},
{cpu_name()}. Other processes on the machine lengthen the last column alone.

| file | MB | processor time, s | of which SHA-256, s | on the clock, s |
|---|---|---|---|---|
{table}
"""


def main() -> int:
    """0 where every kind is within the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, help="file to write the figures to")
    parser.add_argument(
        "--models", type=Path, default=ROOT / "build" / "inspection", help="where they are made"
    )
    arguments = parser.parse_args()
    if not (arguments.models / FILES[-1]).exists():
        arguments.models.mkdir(parents=True, exist_ok=True)
        make = [sys.executable, "-m", "benchmarks.inspection_models", str(arguments.models)]
        subprocess.run(make, cwd=ROOT, check=True)
    rows = []
    for name in FILES:
        rows.append(measured(arguments.models / name))
        print(
            f"{name}: {rows[-1][1] / 1e6:.0f} MB, {rows[-1][2]:.3f} s, SHA-256 {rows[-1][3]:.3f} s",
            flush=True,
        )
    if arguments.page:
        arguments.page.write_text(page(rows))
    return 1 if any(row.inspected > LIMIT_S for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
