"""Artifacts put in place: whoever looks finds the old one or the whole new one. Must not judge them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import tempfile
from pathlib import Path

from convertkit.artifacts.files import remove_artifact, sidecar

AT_FDCWD = -100
RENAME_EXCHANGE = 2


def publish(made: Path, target: Path) -> None:
    """Bring an artifact on the same file system under its final name, after it has reached the disk.

    A file is replaced, a folder exchanged, in one step. An ONNX file with weights beside it cannot be: its
    name is empty until both parts are in place.

    Raises:
        OSError: it cannot be written there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    sync(made)
    is_pair = sidecar(made).exists() or sidecar(target).exists()
    if is_pair or made.is_dir() != target.is_dir():
        remove_artifact(target)
    if sidecar(made).exists():
        sync(sidecar(made))
        sidecar(made).replace(sidecar(target))
    replace(made, target)
    sync_entry(target.parent)


def replace(made: Path, target: Path) -> None:
    """Rename a file or a folder over what stands there, in one step where the kernel can."""
    if not (made.is_dir() and target.is_dir()):
        made.replace(target)
        return
    if exchange(made, target):
        remove_artifact(made)
        return
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".old-") as aside:
        target.rename(Path(aside) / "old")
        made.rename(target)


def exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; False where the system cannot."""
    with contextlib.suppress(AttributeError, OSError):
        call = ctypes.CDLL(None).renameat2
        arguments = (AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
        return bool(call(*arguments) == 0)
    return False


def sync(path: Path) -> None:
    """Wait until a file, or every file and folder below a folder, has reached the disk.

    Raises:
        OSError: it did not, for want of space for one.
    """
    parts = [path, *path.rglob("*")] if path.is_dir() else [path]
    for part in parts:
        sync_entry(part)


def sync_entry(path: Path) -> None:
    """Wait until one file, or the names in one folder, have reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
