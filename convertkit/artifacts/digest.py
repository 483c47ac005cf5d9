"""The identity of a file or a folder: SHA-256 and bytes. Imports nothing of convertkit."""

from __future__ import annotations

import hashlib
from pathlib import Path

CHUNK_BYTES = 1 << 20
NOT_HASHED = frozenset({"fingerprint.pb"})  # TensorFlow writes a random id into it at every save


def hash_path(path: Path) -> tuple[str, int]:
    """SHA-256 (hex) and bytes of a file, or of a folder's files by sorted relative name.

    A folder's hash covers each file's relative name, size and content; only regular files count, and
    `fingerprint.pb` does not, so that a SavedModel written twice hashes the same.

    Raises:
        OSError: something cannot be read.
    """
    digest = hashlib.sha256()
    if not path.is_dir():
        size = _update(digest, path)
        return digest.hexdigest(), size
    total = 0
    for file in sorted(path.rglob("*"), key=lambda file: file.relative_to(path).as_posix()):
        if not file.is_file() or file.name in NOT_HASHED:
            continue
        name = file.relative_to(path).as_posix().encode("utf-8", "surrogateescape")
        digest.update(b"%d:%s:%d:" % (len(name), name, file.stat().st_size))
        total += _update(digest, file)
    return digest.hexdigest(), total


def _update(digest: hashlib._Hash, file: Path) -> int:
    """Feed a file's bytes to the digest; their number."""
    total = 0
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            total += len(chunk)
    return total
