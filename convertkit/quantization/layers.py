"""Layers of an ONNX graph whose weights are constants, and their weights as rows and columns.

A row belongs to an output channel, a column to an input of it: a layer is `rows @ columns of its input`, once
for each group.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray

from convertkit.quantization.graph import Graph, attributes_of
from convertkit.quantization.grid import Matrix

CONVOLUTIONS = ("Conv", "ConvTranspose")
PRODUCTS = ("Gemm", "MatMul")


class Layer(NamedTuple):
    """A node with a constant weight.

    Attributes:
        node: the node itself, which is changed in place.
        weight: name of the initializer.
        shape: of the weight.
        attributes: the node's own, without defaults.
    """

    node: onnx.NodeProto
    weight: str
    shape: tuple[int, ...]
    attributes: dict[str, Any]

    @property
    def groups(self) -> int:
        """Parts of the channels that know nothing of each other; in a depthwise convolution one a channel."""
        return int(self.attributes.get("group", 1))

    @property
    def is_convolution(self) -> bool:
        """True where the channels are axis 1 of input and output; else they are the last axis."""
        return self.node.op_type in CONVOLUTIONS

    @property
    def channels(self) -> int:
        """Output channels, those of all groups."""
        if self.node.op_type == "Conv":
            return self.shape[0]
        if self.node.op_type == "ConvTranspose":
            return self.shape[1] * self.groups
        return self.shape[0] if self.is_transposed else self.shape[1]

    @property
    def is_transposed(self) -> bool:
        """True where a product has its weight as [channels, inputs]."""
        return bool(self.attributes.get("transB", 0))


def find_layers(graph: Graph) -> list[Layer]:
    """The layers that can be rounded, in the order of execution.

    Weights that several nodes share are left out: what suits one would not suit the others.
    """
    return [layer for node in graph.nodes if (layer := layer_of(node, graph)) is not None]


def layer_of(node: onnx.NodeProto, graph: Graph) -> Layer | None:
    """The node as a layer; None where it is none, or one of a form that is not known here."""
    if node.domain not in ("", "ai.onnx") or node.op_type not in (*CONVOLUTIONS, *PRODUCTS):
        return None
    weight = node.input[1]
    values = graph.constants.get(weight)
    if values is None or values.dtype != np.float32 or graph.uses[weight] != 1:
        return None
    layer = Layer(node, weight, values.shape, attributes_of(node))
    return layer if is_plain(layer) else None


def is_plain(layer: Layer) -> bool:
    """True where the layer is a product of its weight and its input with nothing else about it."""
    known = layer.attributes
    if layer.node.op_type == "ConvTranspose":
        return known.get("auto_pad", b"NOTSET") == b"NOTSET" and "output_shape" not in known
    if layer.node.op_type == "Gemm":
        return known.get("alpha", 1.0) == known.get("beta", 1.0) == 1.0 and not known.get("transA", 0)
    return layer.is_convolution or len(layer.shape) == 2


def rows_of(layer: Layer, weights: NDArray[np.float32]) -> Matrix:
    """The weights as float64 [groups, rows, columns]."""
    values = weights.astype(np.float64)
    if layer.node.op_type == "Conv":
        return values.reshape(layer.groups, layer.channels // layer.groups, -1)
    if layer.node.op_type == "ConvTranspose":
        flipped = np.flip(values, axis=tuple(range(2, values.ndim)))
        split = flipped.reshape(layer.groups, -1, *flipped.shape[1:])  # [groups, inputs, rows, kernel…]
        return np.moveaxis(split, 2, 1).reshape(layer.groups, flipped.shape[1], -1)
    return values[None] if layer.is_transposed else values.T[None]


def weights_of(layer: Layer, rows: Matrix) -> NDArray[np.float32]:
    """The inverse of `rows_of`."""
    if layer.node.op_type == "Conv":
        values = rows.reshape(layer.shape)
    elif layer.node.op_type == "ConvTranspose":
        groups, outputs, kernel = layer.groups, layer.shape[1], layer.shape[2:]
        split = np.moveaxis(rows.reshape(groups, outputs, layer.shape[0] // groups, *kernel), 1, 2)
        values = np.flip(split.reshape(layer.shape), axis=tuple(range(2, len(layer.shape))))
    else:
        values = rows[0] if layer.is_transposed else rows[0].T
    return np.ascontiguousarray(values, np.float32)
