"""Files from strangers, crashes, full disks, damage: how much is tried, what came of it; docs/faults.md.

Prints one line a part; exits 1 where anything came out otherwise than it has to. `--share 10` tries a tenth.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import faults_ends, faults_files, faults_hostile, faults_store
from benchmarks.faults_page import Part, page

ROOT = Path(__file__).resolve().parents[1]
PARTS = (
    faults_hostile.hostile_files,
    faults_hostile.benign_files,
    faults_files.byte_mutations,
    faults_files.index_mutations,
    faults_store.damaged_entries,
    faults_store.contention,
    faults_ends.full_disks,
    faults_ends.killed_runs,
    faults_ends.ended_runs,
)


def main() -> int:
    """0 where everything ended as it has to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=int, default=1, help="try one in so many")
    parser.add_argument("--page", type=Path, help="file to write the figures to")
    parser.add_argument("--parts", type=int, default=len(PARTS), help="only so many, from the first")
    arguments = parser.parse_args()
    parts: list[Part] = []
    for attempt in PARTS[: arguments.parts]:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            part = attempt(Path(folder).resolve(), arguments.share)
        parts.append(part)
        print(f"{part.line}  ({time.monotonic() - started:.0f} s)", flush=True)
        for wrong in part.wrong[:20]:
            print(f"    WRONG: {wrong}", flush=True)
    if arguments.page:
        arguments.page.write_text(page(parts, arguments.share))
    return 1 if any(part.wrong for part in parts) else 0


if __name__ == "__main__":
    sys.exit(main())
