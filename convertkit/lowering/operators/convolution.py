"""Convolutions in channels-last order."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, channel_last
from convertkit.lowering.geometry.padding import Window, window_of
from convertkit.lowering.sizes import Size, fixed, is_equal
from convertkit.lowering.value import Value, expanded


def _convolution(call: Call) -> Value:
    result = convolve(call, call.tensor(0), call.value(1))
    if call.has(2):
        result = tf.nn.bias_add(result, call.tensor(2))
    window = _window(call)
    changed: dict[int, Size | None] = {1: call.value(1).shape[0]}
    changed |= {axis + 2: size for axis, size in enumerate(window.outputs())}
    return call.like(result, changed)


def _window(call: Call, index: int = 1) -> Window:
    kernel = tuple(call.attribute("kernel_shape") or call.value(index).shape[2:])
    return window_of(call, kernel)


def convolve(call: Call, x: Any, weight: Value, index: int = 1) -> Any:
    """x (channels-last) by weight (O, I / group, spatial…), the operand `index`; without bias.

    Raises:
        ValueError: channels, group and weight contradict each other.
    """
    group = call.attribute("group", 1)
    window = _window(call, index)
    channels, outputs, per_group = call.shape[1], weight.shape[0], weight.shape[1]
    if (
        group < 1
        or is_equal(channels, per_group * group) is False
        or (isinstance(outputs, int) and outputs % group)
    ):
        raise ValueError(f"{channels} channels in {group} groups do not fit weights {list(weight.shape)}")
    if window.is_padded and not window.is_same():
        x = tf.pad(x, [(0, 0), *window.pads, (0, 0)])
    padding = "SAME" if window.is_padded and window.is_same() else "VALID"
    if len(window.kernel) == 1:
        flat = _correlate_2d(call, expanded(x, 1), line(weight), _line_window(window), group, padding)
        return tf.squeeze(flat, 1)
    if len(window.kernel) == 2:
        return _correlate_2d(call, x, weight, window, group, padding)
    if len(window.kernel) == 3:
        return _correlate_3d(call, x, weight, window, group, padding)
    raise ValueError(f"a convolution over {len(window.kernel)} axes is not supported")


def line(weight: Value) -> Value:
    """A 1-D kernel as a 2-D one of height 1."""
    if weight.is_constant:
        return Value(weight.logical().data[:, :, np.newaxis])
    return Value(expanded(weight.logical().data, 2))


def _line_window(window: Window) -> Window:
    return Window(
        (1, *window.kernel),
        window.strides * 2,
        (1, *window.dilations),
        ((0, 0), *window.pads),
        (1, *window.sizes),
    )


def _correlate_2d(call: Call, x: Any, weight: Value, window: Window, group: int, padding: str) -> Any:
    is_depthwise = group > 1 and weight.shape[1] == 1 and len(set(window.strides)) == 1
    if is_depthwise:
        multiplier = fixed(weight.shape)[0] // group
        kernel = call.tensor_of(_depthwise(weight, group, multiplier))
        if max(window.dilations) > 1 and max(window.strides) > 1:
            return _dilated_steps(x, kernel, window, padding)
        strides = (1, *window.strides, 1)
        return tf.nn.depthwise_conv2d(x, kernel, strides, padding, dilations=window.dilations)
    kernel = call.tensor_of(weight.in_order((2, 3, 1, 0)))
    return tf.nn.conv2d(x, kernel, window.strides, padding, dilations=window.dilations)


def _dilated_steps(x: Any, kernel: Any, window: Window, padding: str) -> Any:
    """Every step taken, those between two strides left out: TensorFlow dilates no others."""
    if padding == "SAME":
        x = tf.pad(x, [(0, 0), *window.pads, (0, 0)])
    full = tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "VALID", dilations=window.dilations)
    return full[:, :: window.strides[0], :: window.strides[1]]


def _depthwise(weight: Value, group: int, multiplier: int) -> Value:
    """(C·M, 1, H, W) as TensorFlow's (H, W, C, M)."""
    logical = weight.logical()
    height, width = weight.shape[2:]
    if logical.is_constant:
        data = logical.data.reshape(group, multiplier, height, width)
        return Value(np.ascontiguousarray(data.transpose(2, 3, 0, 1)))
    return Value(tf.transpose(tf.reshape(logical.data, [group, multiplier, height, width]), [2, 3, 0, 1]))


def _correlate_3d(call: Call, x: Any, weight: Value, window: Window, group: int, padding: str) -> Any:
    kernel = call.tensor_of(weight.in_order((2, 3, 4, 1, 0)))
    strides, dilations = (1, *window.strides, 1), (1, *window.dilations, 1)
    parts = (
        zip(tf.split(x, group, -1), tf.split(kernel, group, -1), strict=True) if group > 1 else [(x, kernel)]
    )
    results = [tf.nn.conv3d(part, k, strides, padding, dilations=dilations) for part, k in parts]
    return tf.concat(results, -1) if group > 1 else results[0]


OPERATORS: Table = {"Conv": channel_last(_convolution)}
