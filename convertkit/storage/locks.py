"""Locks of the kernel (`flock`): held by a process, and gone with it however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

LOCKS = Path("/proc/locks")
COMMAND = "/proc/{}/comm"

Waiting = Callable[[str], None]


class HeldError(Exception):
    """Another process holds the lock; the text says which."""


@contextlib.contextmanager
def locked(
    path: Path,
    *,
    is_shared: bool = False,
    is_folder: bool = False,
    waits: bool = True,
    waiting: Waiting | None = None,
) -> Iterator[None]:
    """Hold the lock on a file or folder that exists; a file that does not is made.

    Where somebody replaces or removes what was waited for, the lock is taken on what stands there then.

    Args:
        is_shared: others may share it; else nobody.
        is_folder: what is made, where there is nothing, is a folder.
        waits: wait for whoever holds it.
        waiting: told the holder, once, before the wait.

    Raises:
        HeldError: somebody holds it, and `waits` is false.
        OSError: it cannot be opened, or the file system has no locks.
    """
    kind = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
    descriptor = taken(path, kind, is_folder=is_folder, waits=waits, waiting=waiting)
    try:
        yield
    finally:
        os.close(descriptor)


def taken(path: Path, kind: int, *, is_folder: bool, waits: bool, waiting: Waiting | None) -> int:
    """A descriptor that holds the lock on what stands at `path` now."""
    while True:
        if is_folder:
            path.mkdir(parents=True, exist_ok=True)
        descriptor = opened(path)
        try:
            take(descriptor, kind, waits=waits, waiting=waiting)
            if is_same(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def opened(path: Path) -> int:
    """A descriptor of a folder, or of a file that is made where it is not there."""
    if path.is_dir():
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def take(descriptor: int, kind: int, *, waits: bool, waiting: Waiting | None) -> None:
    """Take the lock, at once or after telling for whom it waits."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        if not waits:
            raise HeldError(holder(descriptor)) from None
        if waiting is not None:
            waiting(holder(descriptor))
        fcntl.flock(descriptor, kind)


def is_same(descriptor: int, path: Path) -> bool:
    """True where the path still leads to what the descriptor has open."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def holder(descriptor: int) -> str:
    """`process 1234 (convertkit)`, by the kernel's table of locks; `another process` where that has none."""
    inode = str(os.fstat(descriptor).st_ino)
    try:
        rows = [line.split() for line in LOCKS.read_text().splitlines()]
        pids = [row[4] for row in rows if row[1] == "FLOCK" and row[5].rpartition(":")[2] == inode]
        name = Path(COMMAND.format(pids[0])).read_text().strip()
    except (OSError, IndexError):
        return "another process"
    return f"process {pids[0]} ({name})"
