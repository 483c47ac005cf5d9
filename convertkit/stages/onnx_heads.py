"""Operators at the end of an ONNX graph that have to stay float, since they join parts of different units.

Source of the method: `convertkit/graphs/heads.py`. Runs in a worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

from convertkit.artifacts.signature import Arrays
from convertkit.graphs.heads import MOST_APART, Head, Step, is_join, mixed_head, ratios_of
from convertkit.runtimes.onnxruntime import FATAL_ONLY


def find_head(path: Path, steps: Iterable[Arrays]) -> Head | None:
    """The nodes of a float graph that have to stay float; None where none has.

    Args:
        steps: inputs of the graph, one call each.
    """
    model = onnx.load(path)
    nodes = [Step(node.op_type, tuple(node.input), tuple(node.output)) for node in model.graph.node]
    found = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    constants = {name: values for name, values in found.items() if values.dtype == np.float32}
    ratios = ratios_of(nodes, {}, constants)
    joins = [nodes[number] for number in ratios if is_join(nodes[number])]
    if not joins and not any(ratio > MOST_APART for ratio in ratios.values()):
        return None
    parts = dict.fromkeys(name for step in joins for name in step.inputs if name not in found)
    return mixed_head(nodes, spans_of(model, constants, list(parts), steps), constants)


def spans_of(
    model: onnx.ModelProto, constants: Arrays, wanted: list[str], steps: Iterable[Arrays]
) -> dict[str, float]:
    """Width of the range of float values, zero within it: of the constants, and of what a graph computes."""
    lowest = {name: float(values.min(initial=0)) for name, values in constants.items()}
    highest = {name: float(values.max(initial=0)) for name, values in constants.items()}
    given = {value.name for value in (*model.graph.input, *model.graph.output)}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted if name not in given)
    options = ort.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs = [value.name for value in session.get_outputs() if value.name in wanted]
    for call in steps:
        for name, values in zip(outputs, session.run(outputs, call), strict=True):
            if values.dtype == np.float32:
                lowest[name] = min(lowest.get(name, 0.0), float(values.min(initial=0)))
                highest[name] = max(highest.get(name, 0.0), float(values.max(initial=0)))
    return {name: highest[name] - lowest[name] for name in lowest}


def run_file(path: Path, calls: Sequence[Arrays]) -> list[Arrays]:
    """What a graph gives for each call."""
    options = ort.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return [dict(zip(names, session.run(names, call), strict=True)) for call in calls]


def name_nodes(path: Path, head: Head) -> list[str]:
    """Names of a head's nodes, which get one where they have none, in the file too."""
    model = onnx.load(path)
    nodes = [model.graph.node[number] for number in head.steps]
    for node in nodes:
        node.name = node.name or f"head of {node.output[0]}"
    onnx.save_model(model, str(path))
    return [node.name for node in nodes]
