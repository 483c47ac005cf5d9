"""The layers of a float `.tflite` that read each of its values, as refinement knows layers. Runs in a worker.

TFLite has its channels last, in values and in weights; here both come as ONNX has them.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import onnx
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from convertkit.artifacts.signature import Array
from convertkit.graphs.tflite_file import operator_name
from convertkit.quantization.grid import Matrix
from convertkit.quantization.layers import Layer, rows_of
from convertkit.stages.tflite_heads import name_of
from convertkit.stages.tflite_outputs import is_constant, values_of

PRODUCT = "FULLY_CONNECTED"
CONVOLUTIONS = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2)}  # weights to [out, in, y, x]
PADDINGS = {schema.Padding.SAME: "SAME_UPPER", schema.Padding.VALID: "VALID"}


class Reader(NamedTuple):
    """A layer with constant weights.

    Attributes:
        output: name of what it gives.
        layer: as ONNX would have it.
        rows: its weights, [groups, rows, columns].
    """

    output: str
    layer: Layer
    rows: Matrix


class Readers(NamedTuple):
    """Who reads the values of a file.

    Attributes:
        layers: by the value's name.
        others: values that something else reads too, or that are outputs.
        given: what layers give.
    """

    layers: dict[str, list[Reader]]
    others: frozenset[str]
    given: frozenset[str]


def find_readers(content: bytes) -> Readers:
    """The layers of the main graph, by the value that they read."""
    model: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    graph = model.subgraphs[0]
    names = [name_of(tensor) for tensor in graph.tensors]
    codes = [operator_name(code) for code in model.operatorCodes]
    uses = Counter(names[place] for each in graph.operators for place in each.inputs if place >= 0)
    uses.update(names[place] for place in graph.outputs)
    found: dict[str, list[Reader]] = {}
    for operator in graph.operators:
        read = layer_and_weights(model, operator, codes[operator.opcodeIndex])
        if read is not None:
            layer, weights = read
            reader = Reader(names[operator.outputs[0]], layer, rows_of(layer, weights))
            found.setdefault(names[operator.inputs[0]], []).append(reader)
    others = frozenset(name for name, count in uses.items() if count > len(found.get(name, ())))
    given = frozenset(reader.output for readers in found.values() for reader in readers)
    return Readers(found, others, given)


def layer_and_weights(model: Any, operator: Any, kind: str) -> tuple[Layer, Array] | None:
    """An operator as a layer, and its weights; None where it is none, or they are no constant."""
    if kind not in (PRODUCT, *CONVOLUTIONS):
        return None
    tensor = model.subgraphs[0].tensors[operator.inputs[1]]
    if not is_constant(model, tensor):
        return None
    weights = values_of(model, tensor).reshape([int(size) for size in tensor.shape])
    if kind == PRODUCT:
        node = onnx.helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)
        return Layer(node, "w", weights.shape, {"transB": 1}), weights
    weights = np.ascontiguousarray(weights.transpose(CONVOLUTIONS[kind]))
    known = operator.builtinOptions
    channels = int(model.subgraphs[0].tensors[operator.inputs[0]].shape[-1])
    attributes = {
        "group": channels // weights.shape[1],
        "strides": (known.strideH, known.strideW),
        "dilations": (known.dilationHFactor, known.dilationWFactor),
        "auto_pad": PADDINGS[known.padding].encode(),
    }
    return Layer(onnx.helper.make_node("Conv", ["x", "w"], ["y"]), "w", weights.shape, attributes), weights


def as_in_onnx(layer: Layer, values: Array) -> Array:
    """A value with its axes as ONNX has them for a layer: channels second, or rows of its inputs."""
    return np.moveaxis(values, -1, 1) if layer.is_convolution else values.reshape(-1, layer.shape[1])
