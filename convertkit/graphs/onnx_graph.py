"""Questions to an ONNX graph and changes to it, for stages. Runs in a worker."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx

from convertkit.artifacts.signature import TensorSpec
from convertkit.artifacts.tensors import read_npz
from convertkit.sources.onnx_file import stated_size

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
            stated = stated_size(dim)
            if isinstance(stated, str):
                sizes[stated] = size
            if not isinstance(stated, int):
                dim.dim_value = size
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in sizes:
                dim.dim_value = sizes[dim.dim_param]
    del model.graph.value_info[:]


def settle(model: onnx.ModelProto, inputs: Sequence[TensorSpec], examples: Path) -> bool:
    """Fix what the source's signature fixes and the graph leaves free, in place; True where anything was.

    Args:
        inputs: the signature's: a number where the graph has a name; bound ones become initializers.
        examples: `.npz` of one call's inputs, which hold the constants.
    """
    known = {spec.name: spec for spec in inputs}
    sizes: dict[str, int] = {}
    is_changed = False
    for value in model.graph.input:
        shape = known[value.name].logical_shape if value.name in known else ()
        for dim, size in zip(value.type.tensor_type.shape.dim, shape, strict=False):
            if isinstance(size, int) and dim.dim_value < 1:
                stated = stated_size(dim)
                if isinstance(stated, str):
                    sizes[stated] = size
                dim.dim_value = size
                is_changed = True
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in sizes:
                dim.dim_value = sizes[dim.dim_param]
    for value in [v for v in model.graph.input if v.name in known and known[v.name].is_bound]:
        constant = read_npz(examples)[value.name]
        model.graph.initializer.append(onnx.numpy_helper.from_array(constant, value.name))
        model.graph.input.remove(value)
        is_changed = True
    if is_changed:
        del model.graph.value_info[:]
    return is_changed


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
