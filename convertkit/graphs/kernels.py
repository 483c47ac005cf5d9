"""Operators on element types for which ONNX Runtime has no kernel, or ONNX no rule, as exporters write them.

A choice between truths, a ReLU of int64, indices of 32 bits where ONNX takes 64. Runs in a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from convertkit.graphs.float32 import graphs_of

Types = dict[str, int]
Nodes = list[onnx.NodeProto]


def mend(model: onnx.ModelProto) -> None:
    """Write these operators by others, in place; types are those that the graph declares."""
    types = dict(declared(model))
    for graph in graphs_of(model):
        made: Nodes = []
        for node in graph.node:
            rule = RULES.get(node.op_type) if node.domain in ("", "ai.onnx") else None
            made += (rule(node, types) if rule else None) or [node]
        if len(made) != len(graph.node) or any(a is not b for a, b in zip(made, graph.node, strict=True)):
            copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in made]
            del graph.node[:]
            graph.node.extend(copies)


def declared(model: onnx.ModelProto) -> Iterator[tuple[str, int]]:
    """Names of values, and their element types."""
    for graph in graphs_of(model):
        for value in (*graph.input, *graph.output, *graph.value_info):
            yield value.name, value.type.tensor_type.elem_type
        for tensor in graph.initializer:
            yield tensor.name, tensor.data_type


def choice(node: onnx.NodeProto, types: Types) -> Nodes | None:
    """`Where` of truths by `And`, `Not` and `Or`."""
    condition, yes, no = node.input
    if types.get(yes) != TensorProto.BOOL:
        return None
    name = node.output[0]
    return [
        part("And", [condition, yes], f"{name}_yes", node),
        part("Not", [condition], f"{name}_else", node),
        part("And", [f"{name}_else", no], f"{name}_no", node),
        part("Or", [f"{name}_yes", f"{name}_no"], name, node),
    ]


def positive(node: onnx.NodeProto, types: Types) -> Nodes | None:
    """`Relu` of integers of 64 bits by `Max`."""
    if types.get(node.input[0]) != TensorProto.INT64:
        return None
    zero = numpy_helper.from_array(np.zeros([], np.int64), "zero")
    name = f"{node.output[0]}_zero"
    constant = helper.make_node("Constant", [], [name], name=name, value=zero)
    return [constant, part("Max", [node.input[0], name], node.output[0], node)]


def indexed(node: onnx.NodeProto, types: Types) -> Nodes | None:
    """Indices as integers of 64 bits."""
    if types.get(node.input[1]) != TensorProto.INT32:
        return None
    name = f"{node.output[0]}_indices"
    wide = helper.make_node("Cast", [node.input[1]], [name], name=name, to=TensorProto.INT64)
    changed = onnx.NodeProto.FromString(node.SerializeToString())
    changed.input[1] = name
    return [wide, changed]


def part(kind: str, inputs: list[str], output: str, node: onnx.NodeProto) -> onnx.NodeProto:
    """A node in the place of another one, that comes from the same module."""
    name = node.name if output == node.output[0] else output
    made = helper.make_node(kind, inputs, [output], name=name)
    made.metadata_props.extend(node.metadata_props)
    return made


RULES: dict[str, Callable[[onnx.NodeProto, Types], Nodes | None]] = {
    "Where": choice,
    "Relu": positive,
    "ScatterND": indexed,
    "GatherND": indexed,
}
