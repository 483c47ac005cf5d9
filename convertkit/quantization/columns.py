"""Input columns of an ONNX layer: what each of its rows is multiplied by, one column an output position."""

from __future__ import annotations

import numpy as np

from convertkit.quantization.layers import Layer
from convertkit.quantization.windows import (
    Columns,
    Window,
    product_columns,
    reach_of,
    spread,
    window_columns,
)


def columns_of(layer: Layer, given: Columns, most: int, random: np.random.Generator) -> Columns:
    """Columns of an input of the layer, as float32 [groups, positions, columns].

    A transposed convolution is one over its input with zeros between the values, by the flipped kernel.

    Args:
        given: the node's first input, of one call.
        most: positions to take; where there are more, so many are drawn.
    """
    if not layer.is_convolution:
        return product_columns(given, most, random)
    if layer.node.op_type == "ConvTranspose":
        given = spread(given, settings(layer, "strides"))
        return window_columns(transposed_window(layer), given, most, random)
    return window_columns(convolution_window(layer, given.shape[2:]), given, most, random)


def convolution_window(layer: Layer, sizes: tuple[int, ...]) -> Window:
    """What a convolution reads of an input of these spatial sizes."""
    kernel, dilations, strides = kernel_of(layer), settings(layer, "dilations"), settings(layer, "strides")
    before, after = convolution_pads(layer, sizes, reach_of(kernel, dilations))
    return Window(layer.groups, kernel, strides, dilations, tuple(before), tuple(after))


def transposed_window(layer: Layer) -> Window:
    """What a transposed convolution reads of its input spread by its strides."""
    kernel, dilations = kernel_of(layer), settings(layer, "dilations")
    none = (0,) * len(kernel)
    reach = reach_of(kernel, dilations)
    pads, extra = settings(layer, "pads", none * 2), settings(layer, "output_padding", none)
    before = [whole - pad for whole, pad in zip(reach, pads, strict=False)]
    ends = zip(reach, pads[len(kernel) :], extra, strict=True)
    after = [whole - pad + more for whole, pad, more in ends]
    return Window(layer.groups, kernel, (1,) * len(kernel), dilations, tuple(before), tuple(after))


def convolution_pads(
    layer: Layer, sizes: tuple[int, ...], reach: tuple[int, ...]
) -> tuple[list[int], list[int]]:
    """Zeros before and after each spatial axis."""
    rule = layer.attributes.get("auto_pad", b"NOTSET").decode()
    if not rule.startswith("SAME"):
        pads = settings(layer, "pads", (0,) * 2 * len(sizes)) if rule == "NOTSET" else (0,) * 2 * len(sizes)
        return list(pads[: len(sizes)]), list(pads[len(sizes) :])
    strides = settings(layer, "strides")
    triples = zip(sizes, strides, reach, strict=True)
    totals = [max((-(-size // stride) - 1) * stride + more + 1 - size, 0) for size, stride, more in triples]
    small, large = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return (small, large) if rule == "SAME_UPPER" else (large, small)


def kernel_of(layer: Layer) -> tuple[int, ...]:
    """Sizes of a convolution's kernel."""
    return layer.shape[2:]


def settings(layer: Layer, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
    """An attribute with a number for each spatial axis; ones where it is not stated, or the default."""
    stated = layer.attributes.get(name)
    return tuple(stated) if stated is not None else default or (1,) * len(kernel_of(layer))
