"""Temporary folders that go with their process, however it ends: the next one sweeps up after a dead one."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from convertkit.storage.locks import HeldError, locked

PREFIX = "convertkit-"
YOUNG_S = 60.0  # between the making of a folder and its lock


@contextlib.contextmanager
def temporary_folder(parent: Path | None = None, prefix: str = PREFIX) -> Iterator[Path]:
    """A folder of this process's own, removed at the end; those that dead processes left are removed first.

    Args:
        parent: where it is made; None: the system's folder for temporary files.

    Raises:
        OSError: it cannot be made.
    """
    where = Path(tempfile.gettempdir()) if parent is None else parent
    sweep(where, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=where)).resolve()
    try:
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):  # a file system without locks: nothing there is swept either
                stack.enter_context(locked(folder, waits=False))
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(where: Path, prefix: str = PREFIX) -> None:
    """Remove the folders of that prefix that are this user's and that no process holds any more."""
    with contextlib.suppress(OSError):
        for folder in where.glob(f"{prefix}*"):
            with contextlib.suppress(OSError, HeldError):
                if is_left_behind(folder):
                    with locked(folder, waits=False):
                        shutil.rmtree(folder, ignore_errors=True)


def is_left_behind(folder: Path) -> bool:
    """True for a folder of this user's that is old enough to have its lock."""
    status = folder.lstat()
    is_own = folder.is_dir() and not folder.is_symlink() and status.st_uid == os.getuid()
    return is_own and time.time() - status.st_mtime > YOUNG_S
