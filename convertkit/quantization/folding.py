"""What quantizers fold before they read a grid off the weights, folded here beforehand, exactly.

Batch normalizations go into the layer before them; weights written as transposed constants become constants.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import onnx

from convertkit.artifacts.signature import Array
from convertkit.quantization.graph import Graph, attributes_of
from convertkit.quantization.layers import Layer, layer_of, rows_of, weights_of

EPSILON = 1e-5


class Affine(NamedTuple):
    """What a normalization does to each channel: `factor * x + shift`."""

    factor: Array
    shift: Array


def fold_transposes(graph: Graph) -> None:
    """Have constants in the place of constants that are transposed, as exporters write weights of products.

    What others read too stays: it would be in the file twice.
    """
    outputs = {value.name for value in graph.model.graph.output}
    for node in graph.nodes:
        values = graph.constants.get(node.input[0]) if node.op_type == "Transpose" else None
        if values is None or graph.uses[node.input[0]] != 1 or node.output[0] in outputs:
            continue
        graph.freeze(node, np.ascontiguousarray(values.transpose(attributes_of(node).get("perm"))))


def fold_normalizations(graph: Graph) -> int:
    """Fold every BatchNormalization that follows a layer directly; how many there were."""
    folded = 0
    for node in graph.nodes:
        layer = layer_of(node, graph)
        if layer is None or not layer.is_convolution:
            continue
        consumers = graph.consumers(node.output[0])
        if len(consumers) != 1 or graph.uses[node.output[0]] != 1:
            continue
        affine = affine_of(consumers[0], graph)
        if affine is not None:
            fold(graph, layer, consumers[0], affine)
            folded += 1
    return folded


def affine_of(node: onnx.NodeProto, graph: Graph) -> Affine | None:
    """What a BatchNormalization of constants does; None where the node is none."""
    known = attributes_of(node)
    parameters = [graph.constants.get(name) for name in node.input[1:5]]
    if node.op_type != "BatchNormalization" or known.get("training_mode") or len(node.output) != 1:
        return None
    if len(parameters) != 4 or any(values is None for values in parameters):
        return None
    scale, bias, mean, variance = (np.asarray(values, np.float64) for values in parameters)
    factor = scale / np.sqrt(variance + known.get("epsilon", EPSILON))
    return Affine(factor, bias - factor * mean)


def fold(graph: Graph, layer: Layer, normalization: onnx.NodeProto, affine: Affine) -> None:
    """Put a normalization into the weights and the bias of the layer before it."""
    node, name = layer.node, layer.node.input[2] if len(layer.node.input) > 2 else ""
    before = graph.constants.get(name, np.zeros(layer.channels)) if name else np.zeros(layer.channels)
    bias = (affine.factor * before + affine.shift).astype(np.float32)
    rows = rows_of(layer, graph.constants[layer.weight])
    factors = affine.factor.reshape(*rows.shape[:2], 1)
    graph.replace(layer.weight, weights_of(layer, rows * factors))
    graph.read_by(node, 2, graph.add(name or f"{layer.weight}.bias", bias))
    graph.forget_shape(node.output[0])
    node.output[0] = normalization.output[0]
    graph.remove(normalization)
