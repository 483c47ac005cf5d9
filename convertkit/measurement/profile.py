"""The operators of an artifact that take its time, by its runtime's own profiler; apart from any latency."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.axes import CallAxes
from convertkit.artifacts.signature import Arrays
from convertkit.artifacts.tensors import write_npz
from convertkit.errors import ConvertkitError
from convertkit.registry import runtime_row
from convertkit.workers.pool import Workers
from convertkit.workers.profiled import OperatorTime, Profiled, ProfileJob

CALLS, SECONDS, TOP = 20, 5.0, 10
NOT_OFFERED = {
    "litert": "LiteRT's Python package offers no times of operators",
    "tensorflow": "TensorFlow's profiler writes no times of operators that can be read without its own tools",
    "keras": "Keras runs whole functions, whose operators it does not time",
}


class OperatorShare(msgspec.Struct, frozen=True, omit_defaults=True):
    """An operator among those that take most of the time.

    Attributes:
        operator: its type, in the runtime's own words.
        share: of the time of all operators.
        ms: in a call, all its runs together, the median over calls, milliseconds.
        runs: how often it ran in a call.
        name: of the node in the graph as it is run; empty where nodes have none.
        module: path of the PyTorch module that it comes from; empty where the artifact does not tell.
    """

    operator: str
    share: float
    ms: float
    runs: float
    name: str = ""
    module: str = ""


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the time of an artifact goes on the CPU: measured, or `skipped` with the reason.

    Attributes:
        trace: path of the profiler's own file, in Chrome's trace format.
        calls: how many were profiled, warm.
        call_ms: the median of these, with what the profiler itself takes: no latency.
        operators_ms: of a call, in operators.
        operators: how many different ones ran.
        top: those that take most, the longest first; ten at most.
    """

    trace: str | None = None
    calls: int = 0
    call_ms: float | None = None
    operators_ms: float | None = None
    operators: int = 0
    top: tuple[OperatorShare, ...] = ()
    skipped: str | None = None


def take_profile(
    artifact: Artifact, sample: Arrays, threads: int, workers: Workers, scratch: Path, trace: Path
) -> Profile:
    """Profile an artifact in a process of its own, which ends with it.

    Args:
        sample: one sample of every input, logical, first axis = sample.
        trace: file to write; its folder is made where there is none.
    """
    row = runtime_row(artifact.variant.format)
    if row.name in NOT_OFFERED:
        return Profile(skipped=NOT_OFFERED[row.name])
    axes = CallAxes.of(artifact.signature.inputs, sample)
    inputs, made = scratch / "profile.npz", scratch / "profile.json"
    write_npz(inputs, axes.call(sample, np.zeros(axes.batch_size or 1, np.intp)))
    job = ProfileJob(row.name, artifact, str(inputs), str(made), CALLS, SECONDS, threads)
    try:
        answer = workers.ask_fresh(row.environment, job, "profile.log")
    except ConvertkitError as error:
        return Profile(skipped=error.message)
    assert isinstance(answer, Profiled)
    trace.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(made, trace)
    return summarized(answer, str(trace))


def summarized(answer: Profiled, trace: str) -> Profile:
    """A worker's times as shares."""
    total, calls = sum(one.median_ns for one in answer.operators), answer.calls
    return Profile(
        trace,
        calls,
        answer.median_ns / 1e6,
        total / 1e6,
        len(answer.operators),
        tuple(share_of(one, total, calls) for one in answer.operators[:TOP]),
    )


def share_of(one: OperatorTime, total_ns: int, calls: int) -> OperatorShare:
    """An operator's part of the time of all."""
    share = one.median_ns / total_ns if total_ns else 0.0
    return OperatorShare(one.operator, share, one.median_ns / 1e6, one.runs / calls, one.name, one.module)
