"""Operators that ONNX itself defines by others: their bodies, made for the operands at hand."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import defs

from convertkit.lowering.value import Value

DEFAULT_DOMAINS = ("", "ai.onnx")


def is_defined(node: onnx.NodeProto, opset: int) -> bool:
    """True where ONNX defines the operator by others."""
    schema = schema_of(node, opset)
    return schema is not None and bool(schema.has_function or schema.has_context_dependent_function)


def schema_of(node: onnx.NodeProto, opset: int) -> Any:
    """The operator's definition at an opset, None where there is none; onnx's stubs lack half of it."""
    domain = "" if node.domain in DEFAULT_DOMAINS else node.domain
    try:
        return defs.get_schema(node.op_type, opset, domain)
    except defs.SchemaError:
        return None


def function_of(node: onnx.NodeProto, opset: int, values: list[Value | None]) -> onnx.FunctionProto:
    """The operator's body, its attributes filled in.

    Raises:
        ValueError: it has none for these operands.
    """
    schema = schema_of(node, opset)
    if schema is None:
        raise ValueError("there is no such operator")
    function = onnx.FunctionProto()
    if schema.has_context_dependent_function:
        types = [_type_of(value).SerializeToString() for value in values]
        versions = [v for v in schema.context_dependent_function_opset_versions if v <= opset]
        body = schema.get_context_dependent_function_with_opset_version(
            max(versions), _with_defaults(node, schema).SerializeToString(), types
        )
    else:
        body = schema.get_function_with_opset_version(
            max(v for v in schema.function_opset_versions if v <= opset)
        )
    if not body:
        raise ValueError("it has no definition for these operands")
    function.ParseFromString(body)
    given = {a.name: a for a in _with_defaults(node, schema).attribute}
    for inner in function.node:
        _fill(inner, given)
    return function


def _with_defaults(node: onnx.NodeProto, schema: Any) -> onnx.NodeProto:
    full = onnx.NodeProto()
    full.CopyFrom(node)
    stated = {a.name for a in node.attribute}
    for name, attribute in schema.attributes.items():
        if name not in stated and attribute.default_value.name:
            full.attribute.append(attribute.default_value)
    return full


def _type_of(value: Value | None) -> onnx.TypeProto:
    """What a body needs to know of an operand; nothing where it is left out."""
    kind = onnx.TypeProto()
    if value is not None:
        kind.tensor_type.elem_type = onnx.helper.np_dtype_to_tensor_dtype(value.numpy_type)
        for size in value.shape:
            dim = kind.tensor_type.shape.dim.add()
            if isinstance(size, int):
                dim.dim_value = size
    return kind


def _fill(node: onnx.NodeProto, given: dict[str, onnx.AttributeProto]) -> None:
    """Replace references to the caller's attributes by their values, also in subgraphs."""
    for attribute in list(node.attribute):
        if attribute.type == onnx.AttributeProto.GRAPH:
            for inner in attribute.g.node:
                _fill(inner, given)
        if attribute.ref_attr_name:
            node.attribute.remove(attribute)
            if attribute.ref_attr_name in given:
                filled = node.attribute.add()
                filled.CopyFrom(given[attribute.ref_attr_name])
                filled.name = attribute.name
