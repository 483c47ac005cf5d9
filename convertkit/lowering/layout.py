"""Which axis order each input has: channels-last where it feeds a convolution, a pool or a resize."""

from __future__ import annotations

from typing import Literal

import onnx

from convertkit.lowering.declare import Acts
from convertkit.lowering.registry import find
from convertkit.lowering.value import Order, channels_last, identity

Layout = Literal["auto", "source", "channels-last"]


def input_order(graph: onnx.GraphProto, name: str, rank: int, layout: Layout, opset: int) -> Order:
    """The physical order of a graph input."""
    if layout == "source" or rank not in (3, 4, 5):
        return identity(rank)
    if layout == "channels-last" and rank > 3:
        return channels_last(rank)
    return channels_last(rank) if feeds_channels(graph, name, opset) else identity(rank)


def feeds_channels(graph: onnx.GraphProto, name: str, opset: int) -> bool:
    """True where the name reaches, through elementwise operators alone, one that wants channels last."""
    reached = {name}
    for node in graph.node:
        operator = find(node, opset)
        if operator is None or not node.input or not reached.intersection(node.input):
            continue
        if operator.acts is Acts.CHANNELS_LAST and node.input[0] in reached:
            return True
        if operator.acts is Acts.ELEMENTWISE or node.op_type in ("Identity", "Pad", "BatchNormalization"):
            reached.update(node.output)
    return False
