"""A content-addressed store of hops: the same source, options and versions give the same artifact."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec
import platformdirs

from convertkit.artifacts.artifact import Loader
from convertkit.artifacts.files import copy_artifact, hash_artifact, remove_artifact
from convertkit.artifacts.signature import Signature
from convertkit.artifacts.transformation import Transformation
from convertkit.storage.atomic import replace, sync
from convertkit.storage.locks import Waiting, locked
from convertkit.storage.temporary import temporary_folder

LARGEST_BYTES = 10 << 30
MOST_DAMAGED = 8
RECORD = "hop.json"
CONTENT = "artifact"
SEAL = "sha256"
LOCKS = ".locks"
LINES = ".lines"
DAMAGED = ".damaged"


class StoredHop(msgspec.Struct, frozen=True):
    """What is known of a stored artifact: how it was made.

    Attributes:
        parts: what its key was made of, by name; empty in an entry of before that was kept.
        failed: why the gate failed it in the run that made it; empty where it passed.
    """

    signature: Signature
    converter: str
    options: dict[str, Any]
    notes: tuple[str, ...]
    seconds: float
    peak_rss_bytes: int
    loader: Loader | None = None
    parts: dict[str, Any] = {}
    transformations: tuple[Transformation, ...] = ()
    weights_bytes: int | None = None
    compressed_bytes: int | None = None
    failed: str = ""


def default_root() -> Path:
    """`CONVERTKIT_CACHE`, else the user's cache folder."""
    named = os.environ.get("CONVERTKIT_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("convertkit") / "hops"


def hop_key(**parts: Any) -> str:
    """SHA-256 over everything that an artifact depends on."""
    return hashlib.sha256(msgspec.json.encode(key_parts(**parts), order="sorted")).hexdigest()


def key_parts(**parts: Any) -> dict[str, Any]:
    """What is hashed for a key: the parts that are given, the machine and the Python."""
    return parts | {"machine": platform.machine(), "python": platform.python_version()}


def seal_of(record: bytes, artifact: Path) -> bytes:
    """What an entry is known whole by: SHA-256 over its record and its artifact."""
    return hashlib.sha256(record + hash_artifact(artifact)[0].encode()).hexdigest().encode()


def is_whole(folder: Path) -> bool:
    """True where an entry is what was sealed, and can be read."""
    try:
        record = (folder / RECORD).read_bytes()
        msgspec.json.decode(record, type=StoredHop)
        return (folder / SEAL).read_bytes() == seal_of(record, folder / CONTENT)
    except (OSError, msgspec.MsgspecError):
        return False


def read_entry(folder: Path, out: Path) -> StoredHop | None:
    """Copy an entry's artifact to `out`; None, and nothing there, where the copy is not what was sealed.

    Raises:
        FileNotFoundError: there is no such entry.
    """
    stored = None
    try:
        record = (folder / RECORD).read_bytes()
        copy_artifact(folder / CONTENT, out)
        if (folder / SEAL).read_bytes() == seal_of(record, out):
            stored = msgspec.json.decode(record, type=StoredHop)
    except (OSError, msgspec.MsgspecError):
        if not folder.is_dir():
            raise FileNotFoundError(folder) from None
    if stored is None:
        remove_artifact(out)
    return stored


class Store:
    """Folders named by key, each with an artifact, its record, and a seal over both.

    Attributes:
        root: the folder.
        quarantined: keys of damaged entries that were found and put aside, in order.
    """

    def __init__(self, root: Path, waiting: Waiting | None = None) -> None:
        """A store.

        Args:
            waiting: told, once a wait, which process is making what is wanted.
        """
        self.root = root
        self.quarantined: list[str] = []
        self._waiting = waiting

    @classmethod
    def default(cls, waiting: Waiting | None = None) -> Self:
        """The store in the user's cache folder."""
        return cls(default_root(), waiting)

    @contextlib.contextmanager
    def making(self, key: str) -> Iterator[None]:
        """Be the only process that makes the artifact of a key; wait for another that does."""
        with self._lock(f"{key}.make", waiting=self._waiting):
            yield

    def get(self, key: str, out: Path) -> StoredHop | None:
        """Copy the artifact of that key to `out`; None where the store has none.

        A damaged one is put aside, and is none.
        """
        folder = self.root / key
        if not folder.is_dir():
            return None
        with self._lock(f"{key}.read", is_shared=True):
            try:
                stored = read_entry(folder, out)
            except FileNotFoundError:
                return None
        if stored is None:
            self.quarantine(key)
            return None
        with contextlib.suppress(OSError):  # a read-only store gives all the same
            os.utime(folder)
        return stored

    def put(self, key: str, artifact: Path, hop: StoredHop, line: str = "") -> None:
        """Keep a copy of an artifact; a full disk or read-only cache is no error.

        Args:
            line: what it shares with the artifacts that other versions made of the same source.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with temporary_folder(self.root, ".new-") as scratch:
                fresh = scratch / "entry"
                fresh.mkdir()
                copy_artifact(artifact, fresh / CONTENT)
                record = msgspec.json.encode(hop)
                (fresh / RECORD).write_bytes(record)
                (fresh / SEAL).write_bytes(seal_of(record, fresh / CONTENT))
                sync(fresh)
                with self._lock(f"{key}.read"):
                    replace(fresh, self.root / key)
            if line:
                (self.root / LINES).mkdir(exist_ok=True)
                (self.root / LINES / line).write_text(key)
            self.prune(LARGEST_BYTES)
        except OSError:
            return

    def drop(self, key: str) -> None:
        """Forget an artifact."""
        with self._lock(f"{key}.read"):
            shutil.rmtree(self.root / key, ignore_errors=True)

    def last_of(self, line: str) -> dict[str, Any]:
        """What the key of the artifact kept last for a line was made of; empty where there is none."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            key = (self.root / LINES / line).read_text()
            return msgspec.json.decode((self.root / key / RECORD).read_bytes(), type=StoredHop).parts
        return {}

    def kept(self) -> list[str]:
        """Keys of all entries, the one used last first."""
        with contextlib.suppress(OSError):
            found = {path.name: path.stat().st_mtime for path in self.root.iterdir() if path.name[0] != "."}
            return sorted(found, key=lambda key: (-found[key], key))
        return []

    def size_bytes(self, key: str) -> int:
        """Bytes of an entry."""
        with contextlib.suppress(OSError):
            return sum(file.stat().st_size for file in (self.root / key).rglob("*") if file.is_file())
        return 0

    def prune(self, largest_bytes: int) -> list[str]:
        """Remove the entries that were used longest ago, until the rest is small enough; their keys."""
        total, removed = 0, []
        for key in self.kept():
            total += self.size_bytes(key)
            if total > largest_bytes:
                self.drop(key)
                for lock in (self.root / LOCKS).glob(f"{key}.*"):
                    lock.unlink(missing_ok=True)
                removed.append(key)
        return removed

    def is_whole(self, key: str) -> bool:
        """True where an entry is what was sealed."""
        return is_whole(self.root / key)

    def quarantine(self, key: str) -> None:
        """Put an entry aside unless it is whole; the last few stay, to be looked at."""
        folder = self.root / DAMAGED
        with contextlib.suppress(OSError), self._lock(f"{key}.read"):
            if is_whole(self.root / key):  # another process made it anew, or `out` could not be written
                return
            folder.mkdir(exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=f"{key[:16]}-", dir=folder))
            (self.root / key).rename(aside / "entry")
            self.quarantined.append(key)
            for old in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)[:-MOST_DAMAGED]:
                shutil.rmtree(old, ignore_errors=True)

    def forget_damaged(self) -> None:
        """Remove what was put aside."""
        shutil.rmtree(self.root / DAMAGED, ignore_errors=True)

    @contextlib.contextmanager
    def _lock(self, name: str, *, is_shared: bool = False, waiting: Waiting | None = None) -> Iterator[None]:
        """A lock of the store; none where it cannot be had: in a read-only store nobody writes."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                (self.root / LOCKS).mkdir(parents=True, exist_ok=True)
                path = self.root / LOCKS / name
                stack.enter_context(locked(path, is_shared=is_shared, waiting=waiting))
            yield
