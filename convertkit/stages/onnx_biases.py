"""Biases as ONNX Runtime's quantizer takes them: each operator has a vector of its own. Runs in a worker.

It names copies of a bias that several operators share after the bias and a number, which may be the name of
another tensor; the file then does not load. A bias that is a row, as Gemm may have it, stops it.
"""

from __future__ import annotations

import collections

import onnx

BIASED_OPERATORS = frozenset(["Conv", "ConvTranspose", "Gemm"])


def with_own_biases(graph: onnx.GraphProto) -> bool:
    """Give each operator a bias of its own, a vector; False where it is so already."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    uses = collections.Counter(name for node in graph.node for name in node.input)
    taken = {*weights, *uses, *(name for node in graph.node for name in node.output)}
    is_changed = False
    for node in graph.node:
        bias = weights.get(node.input[2]) if len(node.input) > 2 else None
        if node.op_type not in BIASED_OPERATORS or bias is None:
            continue
        is_row = node.op_type == "Gemm" and len(bias.dims) == 2 and bias.dims[0] == 1
        if uses[bias.name] == 1 and not is_row:
            continue
        uses[bias.name] -= 1
        node.input[2] = added(graph, bias, f"{node.output[0]}_bias", taken, is_row=is_row)
        is_changed = True
    return is_changed


def added(graph: onnx.GraphProto, bias: onnx.TensorProto, name: str, taken: set[str], *, is_row: bool) -> str:
    """The name of a copy of a bias; where it is a row, as a vector."""
    while name in taken:
        name += "_"
    taken.add(name)
    copy = graph.initializer.add()
    copy.CopyFrom(bias)
    copy.name = name
    if is_row:
        del copy.dims[0]
    return name
