"""Operators of an ONNX model as ONNX Runtime's profiler times them, after its optimizations.

The graph as it is run is written beside the trace for a moment: fused nodes have new names there, and the
values that they give have those of the file, which lead to PyTorch modules.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import onnx
import onnxruntime as ort

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays
from convertkit.graphs.float32 import in_float32
from convertkit.profiling import WARMUP_CALLS, warm_calls
from convertkit.profiling.tally import Span, tallied
from convertkit.runtimes.onnxruntime import CPU_PROVIDER, FATAL_ONLY
from convertkit.tracing.onnxruntime import DEQUANTIZE, QUANTIZE, weighty_module
from convertkit.workers.profiled import Profiled

TIMED = "_kernel_time"  # how the name of an operator's event ends
RUN = "model_run"
BLOCKED = "_nchwc"  # added to the value's name: the name of a node whose channels come in blocks
Event = dict[str, Any]


def profile(
    artifact: Artifact, inputs: Arrays, threads: int, calls: int, seconds: float, trace: Path
) -> Profiled:
    """Time the nodes of an ONNX graph."""
    model = onnx.load(artifact.path)
    if artifact.in_float32 or artifact.half == "bfloat16":
        model = in_float32(model)
        content: str | bytes = model.SerializeToString()
    else:
        content = artifact.path
    with tempfile.TemporaryDirectory(dir=trace.parent) as beside:
        session = profiled_session(content, threads, Path(beside))
        done = warm_calls(lambda: session.run(None, inputs), calls, seconds)
        for _ in range(done):
            session.run(None, inputs)
        Path(session.end_profiling()).replace(trace)
        as_run = onnx.load(Path(beside) / "run.onnx", load_external_data=False)
    events = json.loads(trace.read_bytes())
    runs = sorted((one for one in events if one["name"] == RUN), key=started)[WARMUP_CALLS:]
    modules = modules_as_run(model.graph, as_run.graph)
    names = {place(node) for node in as_run.graph.node}
    times = tallied(spans_of(events, modules, names), [started(one) for one in runs])
    return Profiled(times, len(runs), round(median(one["dur"] for one in runs) * 1000))


def profiled_session(model: str | bytes, threads: int, folder: Path) -> Any:
    """A session as `runtimes.onnxruntime` opens one for the CPU, that writes a profile and its graph."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    options.optimized_model_filepath = str(folder / "run.onnx")
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "weights")
    return ort.InferenceSession(model, options, providers=[CPU_PROVIDER])


def started(event: Event) -> int:
    """When it began, microseconds."""
    return int(event["ts"])


def spans_of(events: Sequence[Event], modules: dict[str, str], names: set[str]) -> Iterator[Span]:
    """Each run of a node; of a loop or branch without the nodes inside it."""
    timed = [one for one in events if one.get("cat") == "Node" and one["name"].endswith(TIMED)]
    for event, own in zip(timed, own_durations(timed), strict=True):
        name = event["name"].removesuffix(TIMED)
        operator = event["args"]["op_name"]
        shown = name if name in names else ""
        yield Span(operator, shown, modules.get(name, ""), started(event), own * 1000)


def own_durations(events: Sequence[Event]) -> list[int]:
    """Duration of each event less those of the events within it, microseconds."""
    own = [int(one["dur"]) for one in events]
    open_ones: list[int] = []
    for at in sorted(range(len(events)), key=lambda each: (started(events[each]), -own[each])):
        while open_ones and not holds(events[open_ones[-1]], events[at]):
            open_ones.pop()
        if open_ones:
            own[open_ones[-1]] -= int(events[at]["dur"])
        open_ones.append(at)
    return [max(0, each) for each in own]


def holds(outer: Event, inner: Event) -> bool:
    """True where one event begins and ends within another of its thread; clocks have whole microseconds."""
    ends = started(outer) + int(outer["dur"])
    is_within = started(inner) < ends and started(inner) + int(inner["dur"]) <= ends
    return bool(outer["tid"] == inner["tid"] and is_within)


def place(node: onnx.NodeProto) -> str:
    """The node's name."""
    return str(node.name)


def modules_as_run(graph: onnx.GraphProto, as_run: onnx.GraphProto) -> dict[str, str]:
    """Node of the graph as it is run → PyTorch module, by its name in the file, else by what it gives.

    A node that quantizes counts to the module that made the value.
    """
    by_name: dict[str, str] = {}
    by_value: dict[str, str] = {}
    for node in graph.node:
        module = weighty_module(node)
        if not module and node.op_type in (QUANTIZE, DEQUANTIZE):
            module = by_value.get(node.input[0], "")
        by_name[node.name] = module
        by_value.update(dict.fromkeys(node.output, module))
    return {
        node.name: by_name.get(node.name)
        or next(
            (
                by_value[name]
                for name in (*node.output, node.name.removesuffix(BLOCKED))
                if by_value.get(name)
            ),
            "",
        )
        for node in as_run.node
    }
