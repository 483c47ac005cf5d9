"""Values that layers read, and where a factor of each of their channels can go without changing the model.

Between two layers may stand what keeps channels apart and takes a positive factor through: ReLU, pools. A
normalization takes the factor into its own scale and shift. Where something else reads the value too, or
nothing takes the factor, a product of its own can: in a graph with attention, where all but operators with
weights computes in float, so that it rounds nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray

from convertkit.artifacts.signature import Array
from convertkit.quantization.bias import bias_after
from convertkit.quantization.graph import Graph, attributes_of
from convertkit.quantization.grid import Matrix
from convertkit.quantization.layers import Layer, find_layers, layer_of, rows_of, weights_of

Factors = NDArray[np.float64]
PASSING = ("Relu", "LeakyRelu", "Identity", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool")


class Junction(NamedTuple):
    """A value, and the layers that read it.

    Attributes:
        value: its name.
        readers: layers that multiply it by their weights.
        places: constants of what makes it, as node and place of the input, that a factor goes into; none
            where a product of its own has to divide.
    """

    value: str
    readers: tuple[Layer, ...]
    places: tuple[tuple[onnx.NodeProto, int], ...]

    @property
    def axis(self) -> int:
        """The axis of its channels."""
        return 1 if self.readers[0].is_convolution else -1


def find_junctions(graph: Graph, *, adds_products: bool = False) -> list[Junction]:
    """The values that can be scaled, in the order of execution.

    Args:
        adds_products: also those that take a product of their own.
    """
    makers = {name: node for node in graph.nodes for name in node.output}
    read: dict[tuple[str, bool], list[Layer]] = {}
    for layer in find_layers(graph):
        read.setdefault((layer.node.input[0], layer.is_convolution), []).append(layer)
    found = []
    for (value, is_convolution), readers in read.items():
        places = places_of(graph, value, makers, is_convolution) if len(readers) == graph.uses[value] else ()
        if places or (adds_products and value in makers and not is_convolution):
            found.append(Junction(value, tuple(readers), places))
    return found


def places_of(
    graph: Graph, value: str, makers: dict[str, onnx.NodeProto], is_convolution: bool
) -> tuple[tuple[onnx.NodeProto, int], ...]:
    """Where a factor of each channel goes in what makes a value; nowhere where others would see it."""
    node = makers.get(value)
    while node is not None and node.op_type in PASSING and len(node.output) == 1:
        name = node.input[0]
        node = makers.get(name) if graph.uses[name] == 1 else None
    if node is None:
        return ()
    if node.op_type == "LayerNormalization":
        return normalization_places(graph, node) if not is_convolution else ()
    if node.op_type == "Add":
        return product_places(graph, node, makers) if not is_convolution else ()
    layer = layer_of(node, graph)
    if layer is None or layer.is_convolution != is_convolution:
        return ()
    if len(node.input) < 3 or not node.input[2]:
        return ((node, 1),)
    return ((node, 1), (node, 2)) if is_vector(graph, node.input[2], layer.channels) else ()


def normalization_places(graph: Graph, node: onnx.NodeProto) -> tuple[tuple[onnx.NodeProto, int], ...]:
    """Scale and shift of a normalization over the last axis."""
    names = [name for name in node.input[1:] if name]
    sizes = [graph.constants[name].size if name in graph.constants else 0 for name in names]
    is_last = attributes_of(node).get("axis", -1) == -1 and sum(1 for name in node.output if name) == 1
    if not is_last or len(set(sizes)) != 1 or not all(is_vector(graph, name, sizes[0]) for name in names):
        return ()
    return tuple((node, 1 + place) for place in range(len(names)))


def product_places(
    graph: Graph, added: onnx.NodeProto, makers: dict[str, onnx.NodeProto]
) -> tuple[tuple[onnx.NodeProto, int], ...]:
    """Weight and bias of a product whose bias is added by a node of its own."""
    for name in added.input:
        layer = layer_of(makers[name], graph) if name in makers else None
        if layer is None or layer.node.op_type != "MatMul":
            continue
        bias = bias_after(graph, layer)
        if bias is not None and is_vector(graph, bias[0].input[bias[1]], layer.channels):
            return (layer.node, 1), bias
    return ()


def is_vector(graph: Graph, name: str, size: int) -> bool:
    """True where a constant is one float for each channel."""
    values = graph.constants.get(name)
    return values is not None and values.dtype == np.float32 and values.shape == (size,)


def columns_factors(layer: Layer, factors: Factors) -> Matrix:
    """Factors of a layer's input channels for each of its columns, [groups, 1, columns]."""
    split = factors.reshape(layer.groups, 1, -1)
    kernel = int(np.prod(layer.shape[2:])) if layer.is_convolution else 1
    return np.repeat(split, kernel, axis=2)


def scale(graph: Graph, junction: Junction, factors: Factors) -> None:
    """Divide a value by a factor of each channel, and multiply the weights that read it."""
    for node, at in junction.places:
        divide(graph, node, at, factors)
    if not junction.places:
        readers = [layer.node for layer in junction.readers]
        graph.multiply(junction.value, (1 / factors).astype(np.float32), readers)
    for layer in junction.readers:
        rows = rows_of(layer, graph.constants[layer.weight]) * columns_factors(layer, factors)
        graph.replace(layer.weight, weights_of(layer, rows))


def divide(graph: Graph, node: onnx.NodeProto, at: int, factors: Factors) -> None:
    """Divide what a constant gives in each channel; a vector, which others may share, becomes another."""
    name = node.input[at]
    layer = layer_of(node, graph) if at == 1 else None
    if layer is not None:
        rows = rows_of(layer, graph.constants[name])
        graph.replace(name, weights_of(layer, rows / factors.reshape(*rows.shape[:2], 1)))
    else:
        values: Array = (graph.constants[name] / factors).astype(np.float32)
        graph.read_by(node, at, graph.add(name, values))
