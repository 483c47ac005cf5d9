"""A store whose entries are damaged, and one that many processes write to."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from benchmarks.faults_page import Part
from convertkit.artifacts.signature import Signature
from convertkit.storage.store import CONTENT, RECORD, SEAL, Store, StoredHop
from tests.storage import contend

ROOT = Path(__file__).resolve().parents[1]
ENTRIES, PROCESSES, ROUNDS, KEYS = 200, 8, 50, 3
HOP = StoredHop(Signature((), ()), "tracked", {"layout": "auto"}, ("a remark",), 1.0, 1000)


def damage(entry: Path, source: random.Random) -> str:
    """Harm one part of an entry in one way; what was done."""
    part = entry / source.choice([RECORD, SEAL, *(f"{CONTENT}/{number}" for number in range(contend.FILES))])
    content = bytearray(part.read_bytes())
    way = source.choice(["cut", "flipped", "grown", "gone", "swapped", "emptied"])
    if way == "gone":
        part.unlink()
        return way
    if way == "flipped":
        content[source.randrange(len(content))] ^= 1 << source.randrange(8)
    elif way == "swapped":
        content.reverse()
        content += b"\n" * (bytes(content) == part.read_bytes())
    elif way == "grown":
        content += b"x"
    else:
        del content[(0 if way == "emptied" else source.randrange(len(content))) :]
    part.write_bytes(content)
    return way


def damaged_entries(folder: Path, share: int) -> Part:
    """Every damaged entry is put aside, and never given; the next put gives what was put."""
    store, outcomes, wrong = Store(folder / "store"), Counter[str](), []
    count = ENTRIES // share
    for number in range(count):
        key, made, out = f"key-{number}", folder / "made", folder / "out"
        contend.make(made, bytes([number % 251 + 1]) * 20)
        store.put(key, made, HOP)
        way = damage(store.root / key, random.Random(number))
        if store.get(key, out) is not None or out.exists():
            wrong.append(f"{way}, seed {number}: given")
        outcomes["put aside"] += len(store.quarantined) == number + 1
        store.put(key, made, HOP)
        if store.get(key, out) != HOP or not contend.is_of_one_piece(out):
            wrong.append(f"{way}, seed {number}: not given after it was made again")
        for path in (made, out):
            shutil.rmtree(path, ignore_errors=True)
    if len(store.quarantined) != count:
        wrong.append(f"{len(store.quarantined)} put aside")
    return Part("damaged entries of a store", count, dict(outcomes), tuple(wrong))


def contention(folder: Path, share: int) -> Part:
    """Processes that want the same artifacts at once: each is made once a round, none is mixed."""
    made, rounds = folder / "made", max(1, ROUNDS // share)
    arguments = [str(folder / "store"), str(rounds), str(KEYS), str(made)]
    command = [sys.executable, "-m", "tests.storage.contend", *arguments]
    running = [subprocess.Popen(command, cwd=ROOT) for _ in range(PROCESSES)]
    codes = [process.wait() for process in running]
    found = Counter(made.read_text().split())
    outcomes = {"made": sum(found.values()), "mixed or damaged": sum(code != 0 for code in codes)}
    wrong = [f"{key} made {count} times" for key, count in found.items() if count != 1]
    wrong += [f"a process ended with {code}" for code in codes if code]
    wrong += [f"{len(found)} of {rounds * KEYS} made"] if len(found) != rounds * KEYS else []
    name = f"rounds of {PROCESSES} processes on {KEYS} keys"
    return Part(name, rounds, outcomes, tuple(wrong))
