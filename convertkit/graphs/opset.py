"""An ONNX graph in another opset, by ONNX's converter; Upsample is raised by hand. Runs in a worker."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxscript.optimizer
from onnx import helper, inliner, numpy_helper, version_converter

from convertkit.causes import first_line
from convertkit.errors import StageError

ASIDE = "convertkit.aside"
DEFAULT_DOMAINS = ("", "ai.onnx")
OLDEST_IR_VERSION = 8  # weights need not be inputs


def opset_of(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators, 0 where none is stated."""
    return next((item.version for item in model.opset_import if item.domain in DEFAULT_DOMAINS), 0)


def raised(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """A copy in the opset, weights no longer among the inputs.

    Raises:
        StageError: ONNX's version converter does not do it.
    """
    before = opset_of(model)
    try:
        copy = onnx.shape_inference.infer_shapes(model)
        remove_weights_from_inputs(copy)
        copy.ir_version = max(copy.ir_version, OLDEST_IR_VERSION)
        set_aside(copy)
        newer = version_converter.convert_version(copy, opset) if before < opset else copy
    except Exception as error:  # the converter asserts
        raise StageError(
            f"ONNX's version converter does not raise opset {before} to {opset}: {first_line(error)}"[:300],
            hint=f"export the model with opset {opset} or newer",
        ) from error
    taken_back(newer, before)
    return newer


def lowered(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """The graph in an older opset; the graph itself where it is in that one, or an older one, already.

    The version converter takes constants as tensors alone, and has no way for Identity from 16 to 15: the
    graph is simplified before.

    Raises:
        StageError: an operator has no older form that ONNX's version converter knows.
    """
    before = opset_of(model)
    if before <= opset:
        return model
    try:
        plain = with_plain_reductions(onnxscript.optimizer.optimize(spelt_out(model, opset)))
        older = version_converter.convert_version(plain, opset)
        onnx.checker.check_model(older)
    except Exception as error:  # the converter asserts
        raise StageError(
            f"ONNX's version converter does not lower opset {before} to {opset}: {first_line(error)}"[:300],
            hint=f"ask for opset {before}, or for the exporter torchscript, which writes old opsets itself",
        ) from error
    return older


def spelt_out(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """The graph with operators that an older opset lacks as the simpler ones that ONNX defines them by."""
    before = opset_of(model)
    kinds = {node.op_type for node in model.graph.node if node.domain in DEFAULT_DOMAINS}
    newer = [kind for kind in kinds if is_defined(kind, before) and not is_known(kind, opset)]
    if not newer:
        return model
    return inliner.inline_selected_functions(
        model, [("", kind) for kind in newer], exclude=False, inline_schema_functions=True
    )


def is_known(kind: str, opset: int) -> bool:
    """True where an operator is part of an opset."""
    try:
        onnx.defs.get_schema(kind, opset, "")
    except onnx.defs.SchemaError:
        return False
    return True


def is_defined(kind: str, opset: int) -> bool:
    """True where ONNX defines an operator by simpler ones."""
    if not is_known(kind, opset):
        return False
    schema: Any = onnx.defs.get_schema(kind, opset, "")
    return bool(schema.has_function or schema.has_context_dependent_function)


def with_plain_reductions(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without an attribute of reductions that the version converter stumbles over.

    `noop_with_empty_axes` has no effect where axes are given.
    """
    for node in model.graph.node:
        if node.op_type.startswith("Reduce") and len(node.input) > 1:
            kept = [each for each in node.attribute if each.name != "noop_with_empty_axes"]
            del node.attribute[:]
            node.attribute.extend(kept)
    return model


def remove_weights_from_inputs(model: onnx.ModelProto) -> None:
    """Files before IR version 4 list every weight among the inputs."""
    weights = {tensor.name for tensor in model.graph.initializer}
    kept = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(kept)


def set_aside(model: onnx.ModelProto) -> None:
    """Give Upsample a domain that the version converter passes over: it has no way from it to Resize 11."""
    for node in model.graph.node:
        if node.op_type == "Upsample" and node.domain in DEFAULT_DOMAINS:
            node.domain = ASIDE
    if any(node.domain == ASIDE for node in model.graph.node):
        model.opset_import.append(helper.make_opsetid(ASIDE, 1))


def taken_back(model: onnx.ModelProto, before: int) -> None:
    """Upsample as the Resize that it was: asymmetric, and the pixel below."""
    kept = [item for item in model.opset_import if item.domain != ASIDE]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    graph = model.graph
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        if node.domain != ASIDE:
            graph.node.add().CopyFrom(node)
            continue
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        mode = given.get("mode", b"nearest").decode()
        scales = node.input[1] if len(node.input) > 1 else f"{node.output[0]}_scales"
        if len(node.input) < 2:
            factors = given["scales"] if before > 1 else [1, 1, given["height_scale"], given["width_scale"]]
            graph.initializer.append(numpy_helper.from_array(np.array(factors, np.float32), scales))
        graph.node.append(
            helper.make_node(
                "Resize",
                [node.input[0], "", scales],
                list(node.output),
                name=node.name,
                mode="linear" if mode.endswith("linear") else mode,
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )
        )
