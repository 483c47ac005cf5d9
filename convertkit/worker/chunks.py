"""How many samples share a call: as many as fit into the memory that a call may take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convertkit.worker.memory import PeakMemory, resident_bytes


class Chunk:
    """The samples of the next call, by what calls before it took.

    It is all of `largest` where so many times what one sample took fits; else it begins at one and doubles
    while what the last call took, and the next one's further samples by the mean, fit.
    """

    def __init__(self, largest: int, allowed_bytes: int | None = None) -> None:
        """Nothing is known yet.

        Args:
            allowed_bytes: what a call may take beside the loaded artifact; None: no bound.
        """
        self._largest = largest
        self._allowed = allowed_bytes
        self.size = largest if allowed_bytes is None else 1
        self.is_open = allowed_bytes is not None

    def told(self, count: int, taken_bytes: int) -> None:
        """A call with so many samples took so much."""
        if not self.is_open or self._allowed is None or count < self.size:
            return
        mean = taken_bytes / count
        if mean * self._largest <= self._allowed:
            self.size, self.is_open = self._largest, False
            return
        wider = min(2 * count, self._largest)
        if wider == count or mean * wider > self._allowed:
            self.size, self.is_open = count, False
            return
        self.size = wider

    def probe(self, call: Callable[[], Any]) -> None:
        """Make a call with one sample; a model that takes no single one is not bound."""
        try:
            self.watch(1, call)
        except Exception:
            self.size, self.is_open = self._largest, False

    def watch(self, count: int, call: Callable[[], Any]) -> Any:
        """Make a call with so many samples, and take what it took into account."""
        if not self.is_open:
            return call()
        before = resident_bytes()
        with PeakMemory() as memory:
            result = call()
        self.told(count, max(0, memory.own_bytes - before))
        return result


def allowed_bytes(call_bytes: int | None, memory_bytes: int | None) -> int | None:
    """What a call may take beside what is loaded: the limit, and half of what the process has left."""
    if call_bytes is None or memory_bytes is None:
        return call_bytes
    return max(1, min(call_bytes, (memory_bytes - resident_bytes()) // 2))
