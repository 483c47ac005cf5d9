"""What a worker is asked and answers about the operators that take an artifact's time."""

from __future__ import annotations

from convertkit.artifacts.artifact import Artifact
from convertkit.workers.message import Message


class ProfileJob(Message, frozen=True, tag="profile"):
    """Call an artifact several times under its runtime's own profiler, on the CPU.

    Attributes:
        inputs: `.npz`, logical, exactly one call's worth.
        trace: file to write, in Chrome's trace format.
        calls: how many, after a few warm ones; fewer where so many would take longer than `seconds`.
    """

    runtime: str
    artifact: Artifact
    inputs: str
    trace: str
    calls: int
    seconds: float
    threads: int = 1


class OperatorTime(Message, frozen=True):
    """How long an operator takes in a call.

    Attributes:
        operator: its type, in the runtime's own words.
        name: of the node in the graph as it is run; empty where nodes have none.
        module: path of the PyTorch module that it comes from; empty where the artifact does not tell.
        runs: how often it ran, over all calls.
        median_ns: of all its runs in a call together, the median over calls.
    """

    operator: str
    name: str
    module: str
    runs: int
    median_ns: int


class Profiled(Message, frozen=True, tag="profiled"):
    """The trace stands at `ProfileJob.trace`.

    Attributes:
        operators: all that ran, the longest first.
        calls: how many were profiled.
        median_ns: wall time of a call, with what the profiler itself takes.
    """

    operators: tuple[OperatorTime, ...]
    calls: int
    median_ns: int
