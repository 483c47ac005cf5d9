"""Operators and graphs made by hand, as `read_graphs` gives them, and files by the schema's own classes."""

from __future__ import annotations

from typing import Any

import flatbuffers

from convertkit.delegates.graph import Graph, Operator, Tensor
from convertkit.delegates.schema import OPERATORS, OPTIONS, TYPES
from convertkit.runtimes.tflite_operators import schema

SCALE = 0.05


class Drawn:
    """Hands out tensors with places of their own."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *shape: int, type: str = "float32", **fields: Any) -> Tensor:
        """A tensor; bytes have one scale."""
        self.count += 1
        has_scale = type in ("int8", "uint8")
        quantization = {"scales": (SCALE,), "zero_points": (0,)} if has_scale else {}
        values = {"place": self.count, "name": f"t{self.count}", "type": type, "shape": shape}
        return Tensor(**{**values, **quantization, **fields})

    def constant(self, *values: int, type: str = "int32", shape: tuple[int, ...] | None = None) -> Tensor:
        """A constant of integers, or of what else is no matter."""
        sizes = (len(values),) if shape is None else shape
        return self(*sizes, type=type, is_constant=True, values=values if type[:3] == "int" else None)

    def weights(self, *shape: int, type: str = "float32", **fields: Any) -> Tensor:
        """A constant of that shape."""
        return self(*shape, type=type, is_constant=True, **fields)


def operator(
    kind: str, inputs: list[Tensor | None], outputs: list[Tensor], version: int = 1, **options: float
) -> Operator:
    """An operator; options that are not given have their defaults."""
    defaults = {option.name: option.default for option in OPTIONS.get(kind, ())}
    assert options.keys() <= defaults.keys(), (kind, options)
    return Operator(kind, version, tuple(inputs), tuple(outputs), {**defaults, **options})


def graph(*operators: Operator) -> Graph:
    """A graph that gives what its last operator does."""
    return Graph(operators, operators[-1].outputs)


def tflite_of(operators: list[tuple[str, Any, list[int], list[int]]], tensors: list[Any]) -> bytes:
    """A `.tflite` by the schema's classes: kind, options, inputs and outputs of each operator.

    Args:
        tensors: `(type, shape)`, or `(type, shape, bytes)` of a constant.
    """
    classes: Any = schema()
    model, subgraph = classes.ModelT(), classes.SubGraphT()
    model.version, model.subgraphs, model.operatorCodes = 3, [subgraph], []
    model.buffers = [classes.BufferT()]
    subgraph.tensors, subgraph.operators = [], []
    for number, (type, shape, *content) in enumerate(tensors):
        made = classes.TensorT()
        made.name, made.type, made.shape, made.buffer = f"t{number}", TYPES.index(type), list(shape), 0
        if content:
            buffer = classes.BufferT()
            buffer.data = list(content[0])
            model.buffers.append(buffer)
            made.buffer = len(model.buffers) - 1
        subgraph.tensors.append(made)
    for kind, options, inputs, outputs in operators:
        code, made = classes.OperatorCodeT(), classes.OperatorT()
        is_known = kind in OPERATORS
        code.builtinCode = OPERATORS.index(kind) if is_known else OPERATORS.index("CUSTOM")
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.customCode = None if is_known else kind
        model.operatorCodes.append(code)
        made.opcodeIndex, made.inputs, made.outputs = len(model.operatorCodes) - 1, inputs, outputs
        if options is not None:
            made.builtinOptions = options
            made.builtinOptionsType = getattr(classes.BuiltinOptions, type_name(options))
        subgraph.operators.append(made)
    subgraph.inputs, subgraph.outputs = [0], operators[-1][3] if operators else [0]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def type_name(options: Any) -> str:
    """`Conv2DOptions` of a `Conv2DOptionsT`."""
    return type(options).__name__[:-1]
