"""What every operator of an artifact gives, one file a runtime, named like it. Only in a worker."""

from __future__ import annotations

from typing import Protocol

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Array, Arrays
from convertkit.workers.answers import TracedTensor

Trace = tuple[list[TracedTensor], list[Array]]


class Tracer(Protocol):
    """A tracer is a module with this function."""

    def trace(self, artifact: Artifact, inputs: Arrays, threads: int) -> Trace:
        """Run once; every tensor of floats that an operator gives, in the order of execution, inputs first.

        Args:
            inputs: physical arrays under the runtime's names.

        Returns:
            The tensors, and their values in real units (`(value - zero_point) * scale` where quantized),
            physical, in the same order.

        Raises:
            NotMeasuredError: this kind of artifact does not let its tensors be seen.
        """
