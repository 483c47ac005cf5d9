"""Tensors that an ONNX graph makes out of a shape alone, and that no machine holds. Runs in a worker."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import onnx

from convertkit.errors import ModelFileError

LARGEST_BYTES = 16 << 30
SHAPES_AT = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1}  # the input that holds a shape, or repeats


def check_sizes(model: onnx.ModelProto) -> None:
    """Raise ModelFileError for a constant shape whose tensor would be larger than 16 GiB.

    Every element counts as a byte, the least that it takes; a batch that is free is not in such a shape.
    """
    nodes = [*graph_nodes(model.graph), *(node for function in model.functions for node in function.node)]
    constants = {tensor.name: tensor for tensor in model.graph.initializer} | constants_of(nodes)
    for node in nodes:
        place = SHAPES_AT.get(node.op_type)
        if place is None or len(node.input) <= place or node.input[place] not in constants:
            continue
        shape = values(constants[node.input[place]])
        if math.prod(size for size in shape if size > 0) > LARGEST_BYTES and 0 not in shape:
            made = f"{node.op_type} '{node.output[0]}' makes a tensor of {shape}"
            raise ModelFileError(
                f"{made}, over {LARGEST_BYTES >> 30} GiB",
                hint="no machine runs it: the model is damaged, or meant to fill memory",
            )


def constants_of(nodes: list[onnx.NodeProto]) -> dict[str, onnx.TensorProto]:
    """Tensors of Constant nodes, by the name of what they give."""
    return {
        node.output[0]: each.t
        for node in nodes
        for each in node.attribute
        if node.op_type == "Constant" and each.name == "value"
    }


def graph_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those of branches and bodies too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
                yield from graph_nodes(inner)


def values(tensor: onnx.TensorProto) -> list[int]:
    """The integers of a tensor in the file; none where they lie beside it, or are no integers."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.data_type != onnx.TensorProto.INT64:
        return []
    return [int(value) for value in np.ravel(onnx.numpy_helper.to_array(tensor))]
