"""Memory of this process during a piece of work, bytes: resident (Linux: /proc), and of a GPU."""

from __future__ import annotations

import contextlib
import importlib
import resource
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import msgspec

from convertkit.runtimes import Runtime
from convertkit.workers.answers import GpuMemory

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
    """Peak resident memory of this process within a `with` block, or of its largest child if larger.

    Attributes:
        own_bytes: of this process alone.
    """

    peak_bytes = own_bytes = 0
    _open: ClassVar[list[PeakMemory]] = []

    def __enter__(self) -> Self:
        """Reset the kernel's high-water mark; blocks around this one keep what it was."""
        for outer in self._open:
            outer.own_bytes = max(outer.own_bytes, status_bytes("VmHWM"))
        self._open.append(self)
        with contextlib.suppress(OSError):  # not allowed everywhere: the mark then covers the whole life
            CLEAR_REFS.write_text("5")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Read it."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        own = status_bytes("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        self._open.remove(self)
        self.own_bytes = max(self.own_bytes, own)
        self.peak_bytes = max(self.own_bytes, children)


class GpuGauge:
    """What a runtime's work adds to the memory of a GPU, from the moment that the gauge is made."""

    def __init__(self, runtime: Runtime, device: str) -> None:
        """Remember what is in use.

        Args:
            device: `cpu` or `cuda:N`.
        """
        self._runtime, self._device = runtime, device
        self._before = self._read()

    def added(self) -> GpuMemory | None:
        """What has come since; None on the CPU."""
        before, now = self._before, self._read()
        if before is None or now is None:
            return None
        return GpuMemory(
            difference(now.card_bytes, before.card_bytes),
            difference(now.allocated_bytes, before.allocated_bytes),
            difference(now.peak_bytes, before.allocated_bytes),
            difference(now.reserved_bytes, before.reserved_bytes),
        )

    def _read(self) -> GpuMemory | None:
        if self._device == "cpu":
            return None
        held = self._runtime.gpu_memory(self._device)
        nvml = importlib.import_module("convertkit.environment.nvml")  # other environments lack its library
        return msgspec.structs.replace(held, card_bytes=nvml.card_used_bytes(self._device))


def difference(now: int | None, before: int | None) -> int | None:
    """What has come, never negative; None where one of both is not known."""
    return None if now is None or before is None else max(0, now - before)
