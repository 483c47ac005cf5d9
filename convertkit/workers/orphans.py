"""Processes that workers started and a dead command left behind: told by a variable that all of them have.

Where a worker has a namespace of processes the kernel ends them with the command, elsewhere a guard does
(`worker.guard`); this is for the case that the guard was killed as well. Linux only.
"""

from __future__ import annotations

import contextlib
import functools
import os
from pathlib import Path

import psutil

from convertkit.workers.confinement import OWNER

PROCESSES = Path("/proc")
START = 19  # of the fields of `stat` behind the name: when the process began, in ticks since the machine did


def owner_mark() -> str:
    """`4026531836 1234 5678`: this process by its namespace, number and start; empty where nobody tells."""
    try:
        return f"{namespace()} {os.getpid()} {started(os.getpid())}"
    except (OSError, IndexError):
        return ""


def namespace() -> str:
    """The number of this process's namespace of processes: in another one, numbers mean other processes."""
    return os.readlink(PROCESSES / "self" / "ns" / "pid").partition("[")[2].rstrip("]")


def started(pid: int) -> str:
    """When a process began, as the kernel counts."""
    return (PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()[START]


def is_orphaned(mark: str) -> bool:
    """True where a mark names a process of this namespace that is there no more."""
    try:
        where, pid, start = mark.split()
        if where != namespace() or not pid.isdigit():
            return False
    except (OSError, ValueError):
        return False
    try:
        return started(int(pid)) != start
    except FileNotFoundError:
        return True
    except (OSError, IndexError):
        return False


@functools.cache
def end_orphans() -> None:
    """Kill this user's processes that workers of dead commands started; once is enough for a command."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.uids().real == os.getuid() and is_orphaned(process.environ().get(OWNER, "")):
                process.kill()
