"""Questions to an ONNX graph and changes to it, for stages. Runs in a worker."""

from __future__ import annotations

import ast
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


def module_path(node: onnx.NodeProto) -> str:
    """The PyTorch module that a node was exported from, empty where no exporter recorded it."""
    for entry in node.metadata_props:
        if entry.key == "pkg.torch.onnx.name_scopes":
            try:
                scopes = [scope for scope in ast.literal_eval(entry.value)[:-1] if scope]
            except (ValueError, SyntaxError, TypeError):
                return ""
            return str(scopes[-1]) if scopes else ""
    path: list[str] = []
    if node.name.startswith("/"):  # the TorchScript exporter: /features/features.0/Conv
        for part in filter(None, node.name.split("/")[1:-1]):
            if path and part.startswith(f"{path[-1]}."):
                path.pop()  # a Sequential's children carry its name as well
            path.append(part)
    return ".".join(path)
