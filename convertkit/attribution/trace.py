"""The tensors inside an artifact, as a worker saw them: names, operators, and values on disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Array
from convertkit.registry import runtime_row
from convertkit.workers.answers import Traced, TracedTensor
from convertkit.workers.jobs import TraceJob
from convertkit.workers.pool import Workers


class Trace:
    """One run of an artifact.

    Attributes:
        tensors: in the order of execution, inputs first.
        values: `.npz` of their values, under their positions; read one at a time.
    """

    def __init__(self, tensors: tuple[TracedTensor, ...], values: Path) -> None:
        self.tensors = tensors
        self.values = values

    def value(self, position: int) -> Array:
        """One tensor, float32, physical, in real units."""
        with np.load(self.values, allow_pickle=False) as archive:
            value: Array = archive[str(position)]
        return value.astype(np.float32, copy=False)

    @cached_property
    def positions(self) -> dict[str, int]:
        """Name → position."""
        return {tensor.name: position for position, tensor in enumerate(self.tensors)}

    @cached_property
    def consumers(self) -> dict[str, tuple[str, ...]]:
        """Name of each tensor → names of those computed from it."""
        found: dict[str, tuple[str, ...]] = {}
        for tensor in self.tensors:
            for name in tensor.inputs:
                found[name] = (*found.get(name, ()), tensor.name)
        return found

    def before(self, position: int, is_wanted: Callable[[int], bool]) -> list[int]:
        """Positions of the nearest tensors that this one is computed from and that are wanted."""
        return [each for each in self._walk(position, is_wanted) if is_wanted(each)]

    def between(self, position: int, is_end: Callable[[int], bool]) -> list[int]:
        """Positions of this tensor and of all that it is computed from, back to the ends (left out)."""
        return sorted({position, *(each for each in self._walk(position, is_end) if not is_end(each))})

    def _walk(self, position: int, is_end: Callable[[int], bool]) -> list[int]:
        seen: dict[int, None] = {}
        waiting = self._inputs(position)
        while waiting:
            each = waiting.pop()
            if each not in seen:
                seen[each] = None
                if not is_end(each):
                    waiting += self._inputs(each)
        return list(seen)

    def _inputs(self, position: int) -> list[int]:
        """Positions of a tensor's inputs; those that are no floats were not written down."""
        return [self.positions[name] for name in self.tensors[position].inputs if name in self.positions]


def take_trace(artifact: Artifact, inputs: Path, workers: Workers, scratch: Path, name: str) -> Trace:
    """Run an artifact once and keep what every operator gives.

    Args:
        inputs: `.npz`, logical, first axis = sample.
        name: of the file with the values, within `scratch`.

    Raises:
        ConvertkitError: it does not run, or does not let its tensors be seen.
    """
    row = runtime_row(artifact.variant.format)
    values = scratch / f"{name}.npz"
    job = TraceJob(row.name, artifact, str(inputs), str(values))
    answer = workers.ask(row.environment, job, f"trace.{row.name}.log")
    assert isinstance(answer, Traced)
    return Trace(answer.tensors, values)
