"""Files from strangers, crashes, full disks, damage: how much is tried, what came of it; docs/faults.md.

Prints one line a part; exits 1 where anything came out otherwise than it has to. `--share 10` tries a tenth,
`--only killed_runs` one part; what came of each is kept, and the page has the last of each.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import faults_bombs, faults_ends, faults_files, faults_hostile, faults_store
from benchmarks.faults_page import Part, keep, kept, page

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "build" / "faults"
PARTS = (
    faults_hostile.hostile_files,
    faults_hostile.benign_files,
    faults_files.byte_mutations,
    faults_files.index_mutations,
    faults_bombs.bombs,
    faults_store.damaged_entries,
    faults_store.contention,
    faults_ends.full_disks,
    faults_ends.killed_runs,
    faults_ends.daemons,
    faults_ends.ended_runs,
)


def main() -> int:
    """0 where everything ended as it has to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=int, default=1, help="try one in so many")
    parser.add_argument("--page", type=Path, help="file to write the figures to")
    parser.add_argument("--parts", type=int, default=len(PARTS), help="only so many, from the first")
    parser.add_argument("--only", action="append", choices=[part.__name__ for part in PARTS], help="a part")
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder that keeps what came of each part")
    arguments = parser.parse_args()
    parts: list[Part] = []
    for number, attempt in enumerate(PARTS[: arguments.parts]):
        if arguments.only and attempt.__name__ not in arguments.only:
            continue
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            part = attempt(Path(folder).resolve(), arguments.share)
        parts.append(part)
        keep(arguments.kept, number, part, arguments.share)
        print(f"{part.line}  ({time.monotonic() - started:.0f} s)", flush=True)
        for wrong in part.wrong[:20]:
            print(f"    WRONG: {wrong}", flush=True)
    if arguments.page:
        arguments.page.write_text(page(kept(arguments.kept)))
    return 1 if any(part.wrong for part in parts) else 0


if __name__ == "__main__":
    sys.exit(main())
