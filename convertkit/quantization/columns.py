"""Input columns of a layer: what each of its rows is multiplied by, one column an output position."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convertkit.quantization.layers import Layer

Columns = NDArray[np.float32]


def columns_of(layer: Layer, given: Columns, most: int, random: np.random.Generator) -> Columns:
    """Columns of an input of the layer, as float32 [groups, positions, columns].

    Args:
        given: the node's first input, of one call.
        most: positions to take; where there are more, so many are drawn.
    """
    if not layer.is_convolution:
        flat = given.reshape(-1, given.shape[-1])
        return flat[chosen(len(flat), most, random)][None]
    return patches(layer, padded(layer, given), most, random)


def chosen(count: int, most: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Numbers of the positions to take: all, or `most` drawn without repetition, sorted."""
    if count <= most:
        return np.arange(count)
    return np.sort(random.choice(count, most, replace=False))


def patches(layer: Layer, given: Columns, most: int, random: np.random.Generator) -> Columns:
    """What a kernel covers at output positions of [batch, channels, spatial…], already padded."""
    spatial = tuple(range(2, given.ndim))
    kernel, dilations = kernel_of(layer), settings(layer, "dilations")
    reach = [(size - 1) * dilation + 1 for size, dilation in zip(kernel, dilations, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(given, reach, axis=spatial)
    strides = settings(layer, "strides") if layer.node.op_type == "Conv" else (1,) * len(kernel)
    positions = tuple(slice(None, None, stride) for stride in strides)
    inside = tuple(slice(None, None, dilation) for dilation in dilations)
    windows = windows[(slice(None), slice(None), *positions, *inside)]
    sizes = windows.shape[2 : 2 + len(kernel)]
    places = np.unravel_index(chosen(int(np.prod(sizes)), max(1, most // len(given)), random), sizes)
    every: Any = slice(None)
    taken = windows[(every, every, *places)]  # [batch, channels, positions, kernel…]
    batch, channels, count = taken.shape[:3]
    split: Columns = taken.reshape(batch, layer.groups, channels // layer.groups, count, -1)
    return split.transpose(1, 0, 3, 2, 4).reshape(layer.groups, batch * count, -1)


def padded(layer: Layer, given: Columns) -> Columns:
    """The input as a convolution of stride and padding as in `patches` sees it.

    A transposed convolution is one over its input with zeros between the values, by the flipped kernel.
    """
    kernel, dilations = kernel_of(layer), settings(layer, "dilations")
    reach = [(size - 1) * dilation for size, dilation in zip(kernel, dilations, strict=True)]
    if layer.node.op_type == "Conv":
        before, after = convolution_pads(layer, given.shape[2:], reach)
        return widened(given, before, after)
    pads = settings(layer, "pads", (0,) * 2 * len(kernel))
    extra = settings(layer, "output_padding", (0,) * len(kernel))
    before = [whole - pad for whole, pad in zip(reach, pads, strict=False)]
    ends = zip(reach, pads[len(kernel) :], extra, strict=True)
    after = [whole - pad + more for whole, pad, more in ends]
    return widened(spread(given, settings(layer, "strides")), before, after)


def convolution_pads(layer: Layer, sizes: tuple[int, ...], reach: list[int]) -> tuple[list[int], list[int]]:
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


def widened(given: Columns, before: list[int], after: list[int]) -> Columns:
    """With zeros around the spatial axes; negative numbers cut off."""
    pads = [(max(one, 0), max(other, 0)) for one, other in zip(before, after, strict=True)]
    cut = [
        slice(max(-one, 0), size + min(other, 0))
        for one, other, size in zip(before, after, given.shape[2:], strict=True)
    ]
    return np.pad(given[(slice(None), slice(None), *cut)], [(0, 0), (0, 0), *pads])


def spread(given: Columns, strides: tuple[int, ...]) -> Columns:
    """With stride − 1 zeros between neighbours along each spatial axis."""
    sizes = [(size - 1) * stride + 1 for size, stride in zip(given.shape[2:], strides, strict=True)]
    result = np.zeros((*given.shape[:2], *sizes), np.float32)
    result[(slice(None), slice(None), *(slice(None, None, stride) for stride in strides))] = given
    return result


def kernel_of(layer: Layer) -> tuple[int, ...]:
    """Sizes of a convolution's kernel."""
    return layer.shape[2:]


def settings(layer: Layer, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
    """An attribute with a number for each spatial axis; ones where it is not stated, or the default."""
    stated = layer.attributes.get(name)
    return tuple(stated) if stated is not None else default or (1,) * len(kernel_of(layer))
