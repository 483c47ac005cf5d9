"""Operators of a PyTorch model as torch.profiler times them, and the modules whose work they are.

Operators stay whole as in `pytorch.watch`: what `linear` calls counts to it. Being told apart costs time
between operators, which counts to none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, record_function

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays
from convertkit.profiling import warm_calls
from convertkit.profiling.tally import Span, tallied
from convertkit.pytorch.engine import read_engine, use_engine
from convertkit.pytorch.half import Float32Model
from convertkit.pytorch.load import load_model
from convertkit.pytorch.watch import Call, Run, watch
from convertkit.workers.profiled import Profiled

CALL = "call"
MARK = "operator "  # begins the name of what is recorded around an operator
PART = " of "


def profile(
    artifact: Artifact, inputs: Arrays, threads: int, calls: int, seconds: float, trace: Path
) -> Profiled:
    """Time the operators of a PyTorch model."""
    torch.set_num_threads(threads)
    torch.backends.mha.set_fastpath_enabled(True)
    engine = read_engine(artifact.path)
    if engine is not None:
        use_engine(engine)
    model = load_model(artifact.path, artifact.loader)
    if artifact.in_float32:
        model = Float32Model(model)
    tensors = [torch.from_numpy(np.asarray(values, order="C")) for values in inputs.values()]

    def call() -> Any:
        with record_function(CALL):
            return watch(model, tensors, recorded)

    done = warm_calls(call, calls, seconds)
    with torch.profiler.profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiler:
        for _ in range(done):
            call()
    profiler.export_chrome_trace(str(trace))
    events = profiler.events() or ()
    runs = sorted((one for one in events if one.name == CALL), key=started)
    times = tallied(spans_of(events), [started(one) for one in runs])
    return Profiled(times, len(runs), round(median(one.cpu_time_total for one in runs) * 1000))


def recorded(call: Call, run: Run) -> Any:
    """Run an operator within a record that names it and its module."""
    with record_function(f"{MARK}{call.operator}{PART}{call.module}"):
        return run()


def started(event: Any) -> float:
    """When it began, microseconds."""
    return float(event.time_range.start)


def spans_of(events: Sequence[Any]) -> Iterator[Span]:
    """Each run of an operator: what the dispatcher ran within its record."""
    for event in events:
        if event.name.startswith(MARK):
            operator, _, module = event.name.removeprefix(MARK).partition(PART)
            inside = sum(child.cpu_time_total for child in event.cpu_children)
            yield Span(operator, "", module, started(event), round(inside * 1000))
