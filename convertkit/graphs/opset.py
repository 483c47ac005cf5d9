"""An ONNX graph in a newer opset: Upsample by hand, the rest by ONNX's converter. Runs in a worker."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper, version_converter

from convertkit.errors import StageError, first_line

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
