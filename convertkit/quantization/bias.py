"""Bias correction: what rounding shifts the mean of a layer's output by is taken back by its bias.

Source: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", here with
means measured on samples, layer by layer, so that each bias also makes up for the layers before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from convertkit.artifacts.signature import Array, Arrays
from convertkit.graphs.opset import opset_of
from convertkit.quantization.graph import Graph, is_number
from convertkit.quantization.layers import Layer
from convertkit.quantization.segments import open_session

Means = NDArray[np.float64]
AXES_ARE_AN_INPUT = 18  # of ReduceMean, since this opset


def float_means(graph: Graph, layers: Sequence[Layer], calls: Sequence[Arrays], threads: int) -> list[Means]:
    """Mean of every layer's output in each channel, of the graph as it is: [calls, channels]."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    del model.graph.output[:]
    for number, layer in enumerate(layers):
        add_mean(model, layer, f"mean of layer {number}")
    session = open_session(model, threads)
    given = [value.name for value in session.get_inputs()]
    rows = [session.run(None, {name: call[name] for name in given}) for call in calls]
    return [np.stack(row).astype(np.float64) for row in zip(*rows, strict=True)]


def add_mean(model: onnx.ModelProto, layer: Layer, name: str) -> None:
    """Make the mean of a layer's output in each channel an output of the model."""
    value, nodes = layer.node.output[0], model.graph.node
    axes = [0, *range(2, len(layer.shape))]
    if not layer.is_convolution:
        shape = onnx.numpy_helper.from_array(np.array([-1, layer.channels]), f"{name}, shape")
        model.graph.initializer.append(shape)
        nodes.append(onnx.helper.make_node("Reshape", [value, shape.name], [f"{name}, rows"]))
        value, axes = f"{name}, rows", [0]
    if opset_of(model) < AXES_ARE_AN_INPUT:
        nodes.append(onnx.helper.make_node("ReduceMean", [value], [name], axes=axes, keepdims=0))
    else:
        tensor = onnx.numpy_helper.from_array(np.array(axes), f"{name}, axes")
        model.graph.initializer.append(tensor)
        nodes.append(onnx.helper.make_node("ReduceMean", [value, tensor.name], [name], keepdims=0))
    model.graph.output.append(onnx.ValueInfoProto(name=name))


def mean_of(layer: Layer, outputs: Sequence[Array]) -> Means:
    """Mean of a layer's outputs in each channel, every call counting the same."""
    axis = 1 if layer.is_convolution else -1
    flat = [np.moveaxis(output, axis, -1).reshape(-1, layer.channels) for output in outputs]
    means: Means = np.mean([one.mean(axis=0, dtype=np.float64) for one in flat], axis=0)
    return means


def shift_bias(graph: Graph, layer: Layer, shift: Means) -> bool:
    """Add a number to the bias of every channel.

    The bias becomes a constant of its own: exporters keep equal ones once. A product without a bias gets
    none, as it would be one more operator.

    Returns:
        False where the layer has no bias that can be changed.
    """
    if layer.node.op_type == "MatMul":
        place = bias_after(graph, layer)
        if place is None:
            return False
        node, at = place
    else:
        node, at = layer.node, 2
    name = node.input[at] if len(node.input) > at else ""
    if name and not is_number(graph.constants.get(name)):
        return False
    before = graph.constants[name].astype(np.float64) if name else np.zeros(layer.channels)
    values = (before + shift).astype(np.float32)
    graph.read_by(node, at, graph.add(name or f"{layer.weight}.bias", values))
    return True


def bias_after(graph: Graph, layer: Layer) -> tuple[onnx.NodeProto, int] | None:
    """The Add that alone reads a product, and the place of its constant; None where there is none."""
    output = layer.node.output[0]
    consumers = graph.consumers(output)
    if graph.uses[output] != 1 or len(consumers) != 1 or consumers[0].op_type != "Add":
        return None
    at = 1 - list(consumers[0].input).index(output)
    values = graph.constants.get(consumers[0].input[at])
    if values is None or values.dtype != np.float32 or values.ndim > 1:
        return None
    return consumers[0], at
