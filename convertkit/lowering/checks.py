"""What is refused before any work: broken graphs, unknown opsets, operators that are missing."""

from __future__ import annotations

import math

import onnx
from onnx import checker, helper, inliner

from convertkit.errors import ModelFileError
from convertkit.lowering.declare import LATEST_OPSET
from convertkit.lowering.faults import UnsupportedOperators, describe, first_line
from convertkit.lowering.functions import DEFAULT_DOMAINS, is_defined
from convertkit.lowering.nodes import walk
from convertkit.lowering.registry import find

SMALL_ELEMENTS = 1024


def checked(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with all functions written out, fit to be lowered.

    Raises:
        ModelFileError: the graph fails onnx.checker, or its opset is newer than known.
        UnsupportedOperators: operators without a lowering; all are named.
    """
    opsets = opsets_of(model)
    if "" not in opsets:
        raise ModelFileError("the graph names no opset of the default ONNX domain")
    if opsets[""] > LATEST_OPSET:
        raise ModelFileError(f"opset {opsets['']} is newer than {LATEST_OPSET}, the newest one known")
    _check(model)
    model = expanded(model)
    _refuse_missing(model.graph, opsets_of(model))
    return model


def _check(model: onnx.ModelProto) -> None:
    try:
        checker.check_model(skeleton(model))
    except checker.ValidationError as error:
        raise ModelFileError(f"the graph fails onnx.checker: {first_line(error)}") from error
    except ValueError as error:
        raise ModelFileError(f"the graph cannot be checked: {first_line(error)}") from error


def skeleton(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model for the checker: large weights are inputs, so that it fits into 2 GiB whatever its size.

    Outputs of which exporters left out the shape get one without axes; the checker asks for any.
    """
    bare = onnx.ModelProto(ir_version=model.ir_version)
    bare.opset_import.extend(model.opset_import)
    bare.functions.extend(model.functions)
    graph = bare.graph
    graph.name = model.graph.name
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    inputs = {value.name for value in graph.input}
    for tensor in model.graph.initializer:
        is_external = tensor.data_location == onnx.TensorProto.EXTERNAL
        if not is_external and math.prod(tensor.dims) <= SMALL_ELEMENTS:
            graph.initializer.add().CopyFrom(tensor)
        elif tensor.name not in inputs:
            graph.input.add().CopyFrom(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    for output in graph.output:
        if output.type.WhichOneof("value") == "tensor_type" and not output.type.tensor_type.HasField("shape"):
            output.type.tensor_type.shape.SetInParent()
    return bare


def opsets_of(model: onnx.ModelProto) -> dict[str, int]:
    """Domain → version; the default domain is ''."""
    return {"" if o.domain == "ai.onnx" else o.domain: o.version for o in model.opset_import}


def expanded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the functions that it brings along written out."""
    if not model.functions:
        return model
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:
        raise ModelFileError(f"the model's functions cannot be written out: {first_line(error)}") from error


def _refuse_missing(graph: onnx.GraphProto, opsets: dict[str, int]) -> None:
    missing: dict[str, list[str]] = {}

    def visit(node: onnx.NodeProto) -> None:
        opset = opsets.get("" if node.domain in DEFAULT_DOMAINS else node.domain, 1)
        if find(node, opset) is None and not is_defined(node, opset):
            name = node.op_type if node.domain in DEFAULT_DOMAINS else f"{node.domain}::{node.op_type}"
            missing.setdefault(name, []).append(describe(node))

    walk(graph, visit)
    if missing:
        parts = [
            f"{name}: {', '.join(nodes[:4])}{' …' if len(nodes) > 4 else ''}"
            for name, nodes in sorted(missing.items())
        ]
        raise UnsupportedOperators("no lowering for " + "; ".join(parts))
