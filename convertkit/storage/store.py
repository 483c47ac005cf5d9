"""A content-addressed store of hops: the same source, options and versions give the same artifact."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Any, Self

import msgspec
import platformdirs

from convertkit.artifacts.artifact import Loader
from convertkit.artifacts.files import copy_artifact, hash_artifact, remove_artifact
from convertkit.artifacts.signature import Signature

LARGEST_BYTES = 10 << 30
RECORD = "hop.json"
CONTENT = "artifact"
SEAL = "sha256"


class StoredHop(msgspec.Struct, frozen=True):
    """What is known of a stored artifact: how it was made."""

    signature: Signature
    converter: str
    options: dict[str, Any]
    notes: tuple[str, ...]
    seconds: float
    peak_rss_bytes: int
    loader: Loader | None = None


def default_root() -> Path:
    """`CONVERTKIT_CACHE`, else the user's cache folder."""
    named = os.environ.get("CONVERTKIT_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("convertkit") / "hops"


def hop_key(**parts: Any) -> str:
    """SHA-256 over everything that an artifact depends on."""
    parts |= {"machine": platform.machine(), "python": platform.python_version()}
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def seal_of(record: bytes, artifact: Path) -> bytes:
    """What an entry is known whole by: SHA-256 over its record and its artifact."""
    return hashlib.sha256(record + hash_artifact(artifact)[0].encode()).hexdigest().encode()


class Store:
    """Folders named by key, each with an artifact, its record, and a seal over both."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    def default(cls) -> Self:
        """The store in the user's cache folder."""
        return cls(default_root())

    def get(self, key: str, out: Path) -> StoredHop | None:
        """Copy the artifact of that key to `out`; None where the store has none, or a damaged one."""
        folder = self._root / key
        try:
            record = (folder / RECORD).read_bytes()
            copy_artifact(folder / CONTENT, out)
            is_whole = (folder / SEAL).read_bytes() == seal_of(record, out)
            stored = msgspec.json.decode(record, type=StoredHop) if is_whole else None
        except (OSError, msgspec.MsgspecError):
            stored = None
        if stored is None:
            remove_artifact(out)
            return None
        with contextlib.suppress(OSError):  # a read-only store gives all the same
            os.utime(folder)
        return stored

    def put(self, key: str, artifact: Path, hop: StoredHop) -> None:
        """Keep a copy of an artifact that passed its gate; a full disk or read-only cache is no error."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._root, prefix=".new-") as scratch:
                fresh = Path(scratch) / "entry"
                fresh.mkdir()
                copy_artifact(artifact, fresh / CONTENT)
                record = msgspec.json.encode(hop)
                (fresh / RECORD).write_bytes(record)
                (fresh / SEAL).write_bytes(seal_of(record, fresh / CONTENT))
                shutil.rmtree(self._root / key, ignore_errors=True)
                fresh.rename(self._root / key)
            self._prune()
        except OSError:
            return

    def drop(self, key: str) -> None:
        """Forget an artifact."""
        shutil.rmtree(self._root / key, ignore_errors=True)

    def _prune(self) -> None:
        """Remove the entries that were used longest ago, until the rest is small enough."""
        entries = sorted(
            (path for path in self._root.iterdir() if not path.name.startswith(".")),
            key=lambda path: path.stat().st_mtime,
            reverse=True,
        )
        total = 0
        for entry in entries:
            total += sum(file.stat().st_size for file in entry.rglob("*") if file.is_file())
            if total > LARGEST_BYTES:
                shutil.rmtree(entry, ignore_errors=True)
