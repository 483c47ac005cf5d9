"""A worker and all that it started: found, and their memory. Must not end anything."""

from __future__ import annotations

import psutil

from convertkit.config.run_settings import LimitOptions


def descendants(pid: int) -> list[psutil.Process]:
    """All that a process has started and that still runs; a worker adopts what its children leave."""
    try:
        found = psutil.Process(pid).children(recursive=True)
        return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]
    except psutil.Error:
        return []


def group_bytes(pid: int) -> int:
    """Resident memory of a process and all its descendants."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(member.memory_info().rss for member in family)
    except psutil.NoSuchProcess:
        return 0


def memory_limit_bytes(limits: LimitOptions) -> int:
    """What a worker and its children may take in all."""
    return limits.memory_bytes or int(psutil.virtual_memory().total * 0.9)
