"""An ONNX graph that computes in half precision, made to compute in float32. Runs in a worker.

float16 stays at the edges that have it: a Cast behind each such input and before each such output. bfloat16,
which NumPy does not have, becomes float32 there too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

HALVES = {TensorProto.FLOAT16: "float16", TensorProto.BFLOAT16: "bfloat16"}
FLOATS = (*HALVES, TensorProto.FLOAT)
TYPE_ATTRIBUTES = frozenset(["to", "dtype", "output_dtype"])
WIDE = "_float32"  # behind the name of a float16 edge


def half_of(model: onnx.ModelProto) -> str:
    """The half precision that a graph computes in: `float16` or `bfloat16`; empty where it only takes it."""
    weights = {tensor.name for graph in graphs_of(model) for tensor in graph.initializer}
    kinds = [tensor.data_type for graph in graphs_of(model) for tensor in graph.initializer]
    halves = {v.name: v.type.tensor_type.elem_type for v in model.graph.input if v.name not in weights}
    for node in nodes_of(model):
        kinds += [a.i for a in node.attribute if a.name in TYPE_ATTRIBUTES]
        kinds += [a.t.data_type for a in node.attribute if a.HasField("t")]
        if node.op_type != "Cast":
            kinds += [halves.get(name, 0) for name in node.input]
    return next((name for kind, name in HALVES.items() if kind in kinds), "")


def in_float32(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that computes in float32; its weights are loaded, as the half ones were.

    Casts that only changed between float types become Identity, so that nodes keep their names.
    """
    known = float_types(model)
    made = onnx.ModelProto()
    made.CopyFrom(model)
    edges = {value.name for value in (*made.graph.input, *made.graph.output) if is_float16(value)}
    edges -= {tensor.name for tensor in made.graph.initializer}
    for node in nodes_of(made):
        widen_node(node, known)
    for graph in graphs_of(made):
        for tensor in graph.initializer:
            widen_tensor(tensor)
        for value in (*graph.input, *graph.output, *graph.value_info):
            widen_type(value.type)
    for function in made.functions:
        for value in function.value_info:
            widen_type(value.type)
    keep_edges(made, edges)
    return made


def float_types(model: onnx.ModelProto) -> dict[str, int]:
    """Element types of values, by name, as far as they are declared or can be inferred."""
    with contextlib.suppress(Exception):  # what is declared serves as well
        model = onnx.shape_inference.infer_shapes(model)
    found: dict[str, int] = {}
    for graph in graphs_of(model):
        for value in (*graph.input, *graph.output, *graph.value_info):
            found[value.name] = value.type.tensor_type.elem_type
        found |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    return found


def is_float16(value: onnx.ValueInfoProto) -> bool:
    """True for a tensor of float16."""
    return bool(value.type.tensor_type.elem_type == TensorProto.FLOAT16)


def widen_node(node: onnx.NodeProto, known: dict[str, int]) -> None:
    """Have a node give float32 where it gave half precision."""
    for attribute in node.attribute:
        if attribute.name in TYPE_ATTRIBUTES and attribute.i in HALVES:
            attribute.i = TensorProto.FLOAT
        for tensor in (attribute.t, *attribute.tensors):
            widen_tensor(tensor)
    is_cast = node.op_type == "Cast" and node.domain in ("", "ai.onnx")
    if is_cast and known.get(node.input[0]) in FLOATS and node.attribute[0].i == TensorProto.FLOAT:
        node.op_type = "Identity"
        del node.attribute[:]


def widen_tensor(tensor: onnx.TensorProto) -> None:
    """Make a constant of half precision one of float32, in place."""
    if tensor.data_type in HALVES:
        values = np.asarray(numpy_helper.to_array(tensor), np.float32)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def widen_type(kind: onnx.TypeProto) -> None:
    """Make a declared type of half precision one of float32, in sequences and optionals too."""
    if kind.HasField("tensor_type"):
        if kind.tensor_type.elem_type in HALVES:
            kind.tensor_type.elem_type = TensorProto.FLOAT
    elif kind.HasField("sequence_type"):
        widen_type(kind.sequence_type.elem_type)
    elif kind.HasField("optional_type"):
        widen_type(kind.optional_type.elem_type)


def keep_edges(model: onnx.ModelProto, names: set[str]) -> None:
    """Give these inputs and outputs their float16 again, each with a Cast."""
    if not names:
        return
    for graph in graphs_of(model):
        for value in graph.value_info:
            value.name = wide_name(value.name, names)
    for node in nodes_of(model):
        node.input[:] = [wide_name(name, names) for name in node.input]
        node.output[:] = [wide_name(name, names) for name in node.output]
    before = [cast(v.name, v.name + WIDE, TensorProto.FLOAT) for v in edges(model.graph.input, names)]
    after = [cast(v.name + WIDE, v.name, TensorProto.FLOAT16) for v in edges(model.graph.output, names)]
    nodes = [*before, *model.graph.node, *after]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def edges(values: Iterable[onnx.ValueInfoProto], names: set[str]) -> Iterator[onnx.ValueInfoProto]:
    """The values of these names, made float16."""
    for value in values:
        if value.name in names:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
            yield value


def wide_name(name: str, names: set[str]) -> str:
    """The name of an edge's float32 form; any other as it is."""
    return name + WIDE if name in names else name


def cast(before: str, after: str, kind: int) -> onnx.NodeProto:
    """A Cast of one value to another."""
    return onnx.helper.make_node("Cast", [before], [after], name=f"{after}_cast", to=kind)


def graphs_of(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """The graph and those within its nodes and functions."""
    yield model.graph
    for node in nodes_of(model):
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
            yield from attribute.graphs


def nodes_of(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Every node, those of inner graphs and of functions included."""
    waiting = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    while waiting:
        node = waiting.pop()
        yield node
        for attribute in node.attribute:
            waiting += [*attribute.g.node, *(n for graph in attribute.graphs for n in graph.node)]
