"""Which operators of an artifact take its time, one file a runtime, named like it. Only in a worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays
from convertkit.workers.profiled import Profiled

WARMUP_CALLS = 3


class Profiler(Protocol):
    """A profiler is a module with this function."""

    def profile(
        self, artifact: Artifact, inputs: Arrays, threads: int, calls: int, seconds: float, trace: Path
    ) -> Profiled:
        """Call an artifact several times under the runtime's own profiler, on the CPU.

        Args:
            inputs: physical arrays under the runtime's names.
            calls: how many, after a few warm ones; fewer where so many would take longer than `seconds`.
            trace: file to write, in Chrome's trace format.
        """


def warm_calls(call: Callable[[], object], calls: int, seconds: float) -> int:
    """Warm up, and say how many calls are affordable: at least one."""
    for _ in range(WARMUP_CALLS - 1):
        call()
    started = time.perf_counter()
    call()
    return int(max(1, min(calls, seconds / max(1e-9, time.perf_counter() - started))))
