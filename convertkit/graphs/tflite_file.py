"""Read what is inside a TFLite file: operators and quantization scales. Runs in a worker."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from convertkit.errors import StageError

LARGEST_SCALE = 1e9
CUSTOM = schema.BuiltinOperator.CUSTOM
OPERATOR_NAMES = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)
}


class Operator(msgspec.Struct, frozen=True):
    """One use of an operator.

    Attributes:
        kind: the operator's name; a custom one's own name.
        outputs: names of its output tensors.
        is_float: its first output is a float tensor.
    """

    kind: str
    outputs: tuple[str, ...]
    is_float: bool


def read_operators(content: bytes) -> list[Operator]:
    """All operators of all subgraphs, in order."""
    model: Any = schema.ModelT.InitFromPackedBuf(content, 0)
    codes = [operator_name(code) for code in model.operatorCodes]
    return [
        Operator(
            codes[op.opcodeIndex],
            tuple(tensor.name.decode(errors="replace") for tensor in tensors),
            bool(tensors) and tensors[0].type == schema.TensorType.FLOAT32,
        )
        for graph in model.subgraphs
        for op in graph.operators or ()
        for tensors in [[graph.tensors[index] for index in op.outputs if index >= 0]]
    ]


def constant_bytes(content: bytes) -> int:
    """Bytes of all constants, by their buffers; those that stand behind a graph of over 2 GiB too."""
    model: Any = schema.Model.GetRootAs(content, 0)
    buffers = (model.Buffers(index) for index in range(model.BuffersLength()))
    return sum(buffer.DataLength() or buffer.Size() for buffer in buffers)


def operators(content: bytes) -> list[str]:
    """Names of all operators, one entry each time it is used; a custom one by its own name."""
    return [operator.kind for operator in read_operators(content)]


def operator_name(code: Any) -> str:
    """An operator code's name; files before schema v3a keep it in the deprecated byte."""
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return str(code.customCode.decode()) if number == CUSTOM else OPERATOR_NAMES[number]


def foreign_operators(content: bytes) -> list[str]:
    """Custom and Flex operators, sorted; an interpreter without plug-ins has none of them."""
    known = set(OPERATOR_NAMES.values())
    return sorted({name for name in operators(content) if name not in known})


def check_scales(content: bytes) -> None:
    """Raise StageError for a quantization scale that is not finite, not positive, or absurdly large.

    A padding constant of -FLT_MAX ends as a scale of 1e36 that wipes out every real value.
    """
    model: Any = schema.ModelT.InitFromPackedBuf(content, 0)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            scales = tensor.quantization.scale if tensor.quantization is not None else None
            if scales is None or not len(scales):
                continue
            values = np.asarray(scales, np.float64)
            if not np.isfinite(values).all() or values.min() < 0 or values.max() > LARGEST_SCALE:
                name = tensor.name.decode(errors="replace")
                raise StageError(f"tensor '{name}' has an absurd quantization scale ({values.max():.3g})")
