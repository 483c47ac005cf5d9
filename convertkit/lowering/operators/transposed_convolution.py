"""Transposed convolutions in channels-last order."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, channel_last
from convertkit.lowering.operators.convolution import line
from convertkit.lowering.sizes import Expr, Size, fixed, is_equal, scalar, vector
from convertkit.lowering.value import Value, expanded


def _transposed(call: Call) -> Value:
    weight = call.value(1)
    kernel = tuple(call.attribute("kernel_shape") or weight.shape[2:])
    rank, group = len(kernel), call.attribute("group", 1)
    if is_equal(call.shape[1], weight.shape[0]) is False:
        raise ValueError(f"{call.shape[1]} channels do not fit weights {list(weight.shape)}")
    strides = tuple(call.attribute("strides") or [1] * rank)
    weight = _dilated(weight, tuple(call.attribute("dilations") or [1] * rank))
    reach = fixed(weight.shape[2:])
    full = [(s - 1) * stride + k for s, stride, k in zip(call.shape[2:], strides, reach, strict=True)]
    pads, outputs = _crop(call, full, strides)
    x = call.tensor(0)
    if group == 1 and _is_blocks(call, weight, strides, pads):
        return call.like(_blocks(call, x, weight, strides[0]), _spatial(weight.shape[1], outputs))
    parts = zip(tf.split(x, group, -1), _groups(weight, group), strict=True) if group > 1 else [(x, weight)]
    results = [_spread(call, part, kernel_part, strides, full, pads, outputs) for part, kernel_part in parts]
    result = tf.concat(results, -1) if group > 1 else results[0]
    if call.has(2):
        result = tf.nn.bias_add(result, call.tensor(2))
    return call.like(result, _spatial(weight.shape[1] * group, outputs))


def _spatial(channels: Size, outputs: list[Size]) -> dict[int, Size | None]:
    sizes: list[Size | None] = [channels, *outputs]
    return dict(enumerate(sizes, start=1))


def _is_blocks(call: Call, weight: Value, strides: tuple[int, ...], cut: list[tuple[int, int]]) -> bool:
    """True where each pixel becomes a block of its own, and the target's size is not known.

    TRANSPOSE_CONV is told its target's size: with a free batch that is a tensor, and XNNPACK leaves it out.
    """
    known = [weight, *[value for value in call.values[2:] if value is not None]]
    is_even = len(strides) == 2 and len({*weight.shape[2:], *strides}) == 1 and strides[0] > 1
    is_free = any(isinstance(size, Expr) for size in call.shape)
    return is_even and is_free and set(cut) == {(0, 0)} and all(value.is_constant for value in known)


def _blocks(call: Call, x: Any, weight: Value, block: int) -> Any:
    """A transposed convolution without overlap: one over a pixel, its channels spread in space."""
    kernel = weight.logical().data.transpose(0, 2, 3, 1)
    kernel = Value(np.ascontiguousarray(kernel.reshape(1, 1, kernel.shape[0], -1)))
    result = tf.nn.conv2d(x, call.tensor_of(kernel), 1, "VALID")
    if call.has(2):
        bias = Value(np.tile(call.value(2).logical().data, block * block))
        result = tf.nn.bias_add(result, call.tensor_of(bias))
    return tf.nn.depth_to_space(result, block)


def _groups(weight: Value, group: int) -> list[Value]:
    if weight.is_constant:
        return [Value(part) for part in np.split(weight.logical().data, group)]
    return [Value(part) for part in tf.split(weight.logical().data, group)]


def _dilated(weight: Value, dilations: tuple[int, ...]) -> Value:
    """The kernel with zeros between its taps: TRANSPOSE_CONV of TFLite knows no dilation."""
    if set(dilations) == {1}:
        return weight
    array = weight.array()
    sizes = [(k - 1) * d + 1 for k, d in zip(fixed(weight.shape[2:]), dilations, strict=True)]
    if array is None:
        return Value(_spaced(weight.logical().data, dilations, sizes))
    wide = np.zeros((*array.shape[:2], *sizes), array.dtype)
    wide[(slice(None), slice(None), *[slice(None, None, d) for d in dilations])] = array
    return Value(wide)


def _spaced(kernel: Any, dilations: tuple[int, ...], sizes: list[int]) -> Any:
    for axis, (dilation, size) in enumerate(zip(dilations, sizes, strict=True), start=2):
        pads = [(0, 0)] * (kernel.shape.rank + 1)
        pads[axis + 1] = (0, dilation - 1)
        shape = kernel.shape.as_list()
        wide = tf.reshape(
            tf.pad(tf.expand_dims(kernel, axis + 1), pads), [*shape[:axis], -1, *shape[axis + 1 :]]
        )
        kernel = tf.gather(wide, tf.range(size), axis=axis)
    return kernel


def _crop(call: Call, full: list[Size], strides: tuple[int, ...]) -> tuple[list[tuple[int, int]], list[Size]]:
    """What is cut off the full result at either end, negative where it is extended, and what is left."""
    rank = len(full)
    extra = call.attribute("output_padding") or [0] * rank
    flat = call.attribute("pads") or [0] * (2 * rank)
    pads = list(zip(flat[:rank], flat[rank:], strict=True))
    wanted = call.attribute("output_shape")
    auto = call.attribute("auto_pad", "NOTSET")
    if wanted is None and auto.startswith("SAME"):
        wanted = [size * stride for size, stride in zip(call.shape[2:], strides, strict=True)]
    if wanted is not None:
        totals = fixed(f + e - w for f, e, w in zip(full, extra, wanted[-rank:], strict=True))
        upper = auto == "SAME_UPPER"
        pads = [(t // 2, t - t // 2) if upper else (t - t // 2, t // 2) for t in totals]
    cut = [(begin, end - e) for (begin, end), e in zip(pads, extra, strict=True)]
    return cut, [f - (begin + end) for f, (begin, end) in zip(full, cut, strict=True)]


def _spread(
    call: Call,
    x: Any,
    weight: Value,
    strides: tuple[int, ...],
    full: list[Size],
    cut: list[tuple[int, int]],
    outputs: list[Size],
) -> Any:
    """One group's transposed convolution, cut to size."""
    rank = len(strides)
    sizes, channels = weight.shape[2:], weight.shape[1]
    if rank == 1:
        wide = _spread(
            call, expanded(x, 1), line(weight), (1, *strides), [1, *full], [(0, 0), *cut], [1, *outputs]
        )
        return tf.squeeze(wide, 1)
    is_same = all(
        isinstance(k, int) and k >= s and (begin, end) == ((k - s) // 2, (k - s) - (k - s) // 2)
        for s, k, (begin, end) in zip(strides, sizes, cut, strict=True)
    )
    target = vector([call.shape[0], *(outputs if is_same else full), channels])
    kernel = call.tensor_of(weight.in_order((*range(2, rank + 2), 1, 0)))
    function = tf.nn.conv2d_transpose if rank == 2 else tf.nn.conv3d_transpose
    result = function(x, kernel, target, strides, "SAME" if is_same else "VALID")
    return result if is_same else _cut(result, cut, full)


def _cut(result: Any, cut: list[tuple[int, int]], full: list[Size]) -> Any:
    extended = [(max(-begin, 0), max(-end, 0)) for begin, end in cut]
    spec = [slice(max(b, 0), None if e <= 0 else scalar(f - e)) for (b, e), f in zip(cut, full, strict=True)]
    if any(part != slice(0, None) for part in spec):
        result = result[(slice(None), *spec)]
    if any(begin or end for begin, end in extended):
        result = tf.pad(result, [(0, 0), *extended, (0, 0)])
    return result


OPERATORS: Table = {"ConvTranspose": channel_last(_transposed)}
