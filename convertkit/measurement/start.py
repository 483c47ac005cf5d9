"""Cold start of an artifact: what a process of its own needs from the file to the first outputs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.axes import CallAxes
from convertkit.artifacts.signature import Arrays
from convertkit.artifacts.tensors import write_npz
from convertkit.errors import ConvertkitError
from convertkit.registry import runtime_row
from convertkit.workers.answers import Started
from convertkit.workers.jobs import StartJob
from convertkit.workers.pool import Workers


class ColdStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Load and first call in a fresh process on the CPU: measured, or `skipped` with the reason.

    Attributes:
        load_ms: from the file to a model that can be called; the import of the runtime is not in it.
        first_call_ms: the first call, which plans and allocates.
        runtime_bytes: resident memory of the process with the runtime alone.
        memory_bytes: what the artifact added to it at most.
    """

    load_ms: float | None = None
    first_call_ms: float | None = None
    runtime_bytes: int | None = None
    memory_bytes: int | None = None
    skipped: str | None = None


def cold_start(
    artifact: Artifact, sample: Arrays, threads: int, workers: Workers, scratch: Path
) -> ColdStart:
    """Start an artifact once.

    Args:
        sample: one sample of every input, logical, first axis = sample.
    """
    row = runtime_row(artifact.variant.format)
    axes, inputs = CallAxes.of(artifact.signature.inputs, sample), scratch / "start.npz"
    write_npz(inputs, axes.call(sample, np.zeros(axes.batch_size or 1, np.intp)))
    job = StartJob(row.name, artifact, str(inputs), threads)
    try:
        answer = workers.ask_fresh(row.environment, job, "start.log")
    except ConvertkitError as error:
        return ColdStart(skipped=error.message)
    assert isinstance(answer, Started)
    added = max(0, answer.peak_bytes - answer.runtime_bytes)
    return ColdStart(answer.load_ns / 1e6, answer.first_call_ns / 1e6, answer.runtime_bytes, added)
