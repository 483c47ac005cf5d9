"""Questions to an ONNX graph and changes to it, for stages. Runs in a worker."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

CHANNEL_OPERATORS = frozenset(
    [
        "Conv",
        "ConvTranspose",
        "ConvInteger",
        "QLinearConv",
        "MaxPool",
        "AveragePool",
        "LpPool",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "BatchNormalization",
        "InstanceNormalization",
        "GroupNormalization",
        "Resize",
        "Upsample",
        "DepthToSpace",
    ]
)
TRANSPARENT_OPERATORS = frozenset(
    [
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Relu",
        "Clip",
        "LeakyRelu",
        "PRelu",
        "Sigmoid",
        "Tanh",
        "Cast",
        "Identity",
        "Pad",
        "Pow",
        "Sqrt",
        "Neg",
        "Abs",
        "QuantizeLinear",
        "DequantizeLinear",
        "HardSwish",
        "HardSigmoid",
    ]
)


def fix_axes(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Replace every dynamic axis by the size it has in `shapes`, in place; stale inferred shapes go.

    Args:
        shapes: full shape of each input, by name.
    """
    sizes: dict[str, int] = {}
    for value in model.graph.input:
        for dim, size in zip(value.type.tensor_type.shape.dim, shapes.get(value.name, ()), strict=False):
            if dim.HasField("dim_param"):
                sizes[dim.dim_param] = size
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in sizes:
                dim.dim_value = sizes[dim.dim_param]
    del model.graph.value_info[:]


def feeds_convolution(model: onnx.ModelProto, name: str) -> bool:
    """True where a value reaches an operator that has a channel axis, through elementwise ones only."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        seen.add(current)
        for node in model.graph.node:
            if current not in node.input:
                continue
            if node.op_type in CHANNEL_OPERATORS and node.input[0] == current:
                return True
            if node.op_type in TRANSPARENT_OPERATORS:
                waiting += [output for output in node.output if output not in seen]
    return False
