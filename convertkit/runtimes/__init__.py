"""One file a runtime, frameworks imported at its top. Only in a worker; this page must not import them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays
from convertkit.workers.answers import Described, GpuMemory
from convertkit.workers.jobs import DescribeJob

TimedCall = Callable[[], int]


class Session(Protocol):
    """A loaded artifact on one device.

    Attributes:
        left_on_cpu: operators that run on the CPU although another device was asked for, each once.
        compile_ns: what compiling for the sizes that were run last took, with the first call; 0: nothing was.
    """

    left_on_cpu: tuple[str, ...]
    compile_ns: int

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs under the runtime's names, physical.

        Args:
            inputs: physical arrays under the runtime's names.
        """

    def bind(self, inputs: Arrays) -> TimedCall:
        """A call with inputs already on the device; it returns once the outputs are ready.

        Returns:
            A function of no arguments that runs once and returns its duration, nanoseconds.
        """


class Runtime(Protocol):
    """A runtime is a module with these functions."""

    def load(self, artifact: Artifact, device: str, threads: int) -> Session:
        """Load an artifact.

        Args:
            device: `cpu` or `cuda:N`.
            threads: how many the runtime may use on the CPU.

        Raises:
            NotMeasuredError: the device is not there, or the runtime would fall back from it.
        """

    def gpu_memory(self, device: str) -> GpuMemory:
        """What the runtime's allocator holds now, and held at most since this was asked last.

        Args:
            device: `cuda:N`.
        """

    def describe(self, job: DescribeJob) -> Described:
        """The signature of a file that did not come out of a stage."""


def wall_timed(call: Callable[[], object]) -> TimedCall:
    """A synchronous call, timed by the wall clock."""

    def timed() -> int:
        started = time.perf_counter_ns()
        call()
        return time.perf_counter_ns() - started

    return timed


def cpu_timed(call: TimedCall) -> TimedCall:
    """The same call, timed by the processor time of this process, nanoseconds."""

    def timed() -> int:
        started = time.process_time_ns()
        call()
        return time.process_time_ns() - started

    return timed


def counted(operators: Counter[str]) -> str:
    """`ADD 2 · CONV_2D`, by name."""
    return " · ".join(f"{name} {n}" if n > 1 else name for name, n in sorted(operators.items()))
