"""A process that contends for a few keys of a store: takes what is there, or makes it. Run as a program.

Arguments: the store, rounds, keys, and a file where every artifact made is written down, one line each.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from convertkit.artifacts.signature import Signature
from convertkit.storage.store import Store, StoredHop

SIZE = 200_000
FILES = 4


def make(folder: Path, content: bytes) -> None:
    """A folder whose files all hold the same bytes."""
    folder.mkdir()
    for number in range(FILES):
        (folder / str(number)).write_bytes(content * (SIZE // len(content)))


def is_of_one_piece(folder: Path) -> bool:
    """True where all files are the same, and whole."""
    found = {file.read_bytes() for file in folder.iterdir()}
    return len(list(folder.iterdir())) == FILES and len(found) == 1 and len(found.pop()) == SIZE


def contend(store: Store, key: str, made: Path) -> bool:
    """Take or make the artifact of a key; False where what came out of the store is mixed."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out"
        with store.making(key):
            if store.get(key, out) is not None:
                return is_of_one_piece(out)
            make(out, os.urandom(20))
            store.put(key, out, StoredHop(Signature((), ()), "made", {}, (), 0.0, 0))
            with made.open("a") as lines:
                lines.write(f"{key}\n")
    return True


def main() -> int:
    """0 where nothing was mixed, nor put aside as damaged."""
    store, made = Store(Path(sys.argv[1])), Path(sys.argv[4])
    wrong = 0
    for turn in range(int(sys.argv[2])):
        for key in range(int(sys.argv[3])):
            wrong += not contend(store, f"{turn}-{key}", made)
    return 1 if wrong or store.quarantined else 0


if __name__ == "__main__":
    sys.exit(main())
