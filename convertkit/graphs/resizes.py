"""Resizes whose corners are aligned, by a scale that gives no whole size.

ONNX's own examples stretch to the size that the scale gives (4 · 0.6 = 2.4); PyTorch and ONNX Runtime, by
which an artifact is judged, to the whole one. The scale becomes that of the whole size. Runs in a worker.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import numpy_helper

SCALES = 2  # the operand, from opset 11 on


def with_whole_sizes(model: onnx.ModelProto) -> None:
    """Change the scales of these resizes, in place, where the sizes before them are known."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    chosen = [node for node in model.graph.node if is_aligned(node) and node.input[SCALES] in constants]
    if not chosen:
        return
    shapes = known_shapes(onnx.shape_inference.infer_shapes(model))
    for node in chosen:
        scales = numpy_helper.to_array(constants[node.input[SCALES]])
        sizes = shapes.get(node.input[0], ())
        axes = next((list(a.ints) for a in node.attribute if a.name == "axes"), list(range(len(sizes))))
        if len(scales) != len(axes):
            continue
        whole = [whole_scale(sizes[axis], scale) for axis, scale in zip(axes, scales, strict=True)]
        if whole != list(scales):
            name = f"{node.output[0]}_scales"
            node.input[SCALES] = name
            model.graph.initializer.append(numpy_helper.from_array(np.array(whole, np.float32), name))


def is_aligned(node: onnx.NodeProto) -> bool:
    """True for a resize by scales whose corners are aligned."""
    if node.op_type != "Resize" or len(node.input) <= SCALES:
        return False
    return any(a.name == "coordinate_transformation_mode" and a.s == b"align_corners" for a in node.attribute)


def known_shapes(model: onnx.ModelProto) -> dict[str, Sequence[int]]:
    """Shapes of values by name, 0 for a size that is not known."""
    values = (*model.graph.input, *model.graph.value_info)
    return {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values}


def whole_scale(size: int, scale: np.float32) -> np.float32:
    """The least scale in float32 that gives the same whole size; itself where the size is not known."""
    target = int(np.floor(size * float(scale)))
    if not target or size * float(scale) == target:
        return scale
    found = np.float32(target / size)
    return found if size * float(found) >= target else np.nextafter(found, np.float32(np.inf))
