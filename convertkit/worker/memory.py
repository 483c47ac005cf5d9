"""Resident memory of this process and its peak during a piece of work, bytes (Linux: /proc)."""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path
from types import TracebackType
from typing import Self

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")


def status_bytes(field: str) -> int:
    """A memory field of /proc/self/status, bytes; 0 where the system has none."""
    if not STATUS.exists():
        return 0
    for line in STATUS.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def resident_bytes() -> int:
    """Resident memory now."""
    return status_bytes("VmRSS")


class PeakMemory:
    """Peak resident memory of this process within a `with` block, or of its largest child if larger."""

    peak_bytes = 0

    def __enter__(self) -> Self:
        """Reset the kernel's high-water mark."""
        with contextlib.suppress(OSError):  # not allowed everywhere: the mark then covers the whole life
            CLEAR_REFS.write_text("5")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Read it."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        own = status_bytes("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        self.peak_bytes = max(own, children)
