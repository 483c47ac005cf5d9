"""Normalizations along axes; what is constant is computed at build time."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, axis_wise
from convertkit.lowering.orders import beside
from convertkit.lowering.shapes import static_shape
from convertkit.lowering.sizes import reshape_target
from convertkit.lowering.value import Value, shaped, squared


def along(call: Call, value: Value, axis: int) -> Any:
    """A vector laid along one logical axis of the first operand, ready to broadcast."""
    place = call.axis(axis)
    shape = [-1] + [1] * (call.rank - 1 - place)
    if value.is_constant:
        return call.tensor_of(Value(value.data.reshape(shape)))
    return tf.reshape(call.tensor_of(value), shape)


def moments(x: Any, axes: list[int]) -> tuple[Any, Any]:
    """x minus its mean, and the variance, over physical axes that are kept."""
    centred = x - tf.reduce_mean(x, axes, keepdims=True)
    return centred, tf.reduce_mean(squared(centred), axes, keepdims=True)


def _batch(call: Call) -> Value:
    if call.attribute("training_mode", 0) or len([name for name in call.node.output if name]) > 1:
        raise ValueError("batch normalization in training mode is not supported")
    x, epsilon = call.tensor(0), call.attribute("epsilon", 1e-5)
    axis = min(1, call.rank - 1)
    parts = [call.value(index) for index in range(1, 5)]
    if all(part.is_constant for part in parts):
        scale, bias, mean, variance = (part.data.astype(np.float64) for part in parts)
        factor = scale / np.sqrt(variance + epsilon)
        offset = bias - mean * factor
        pair = [Value(array.astype(x.dtype.as_numpy_dtype)) for array in (factor, offset)]
        return call.like(x * along(call, pair[0], axis) + along(call, pair[1], axis))
    scale, bias, mean, variance = (tf.cast(along(call, part, axis), x.dtype) for part in parts)
    return call.like((x - mean) * (scale * tf.math.rsqrt(variance + epsilon)) + bias)


def _layer(call: Call) -> Any:
    axis = call.number(call.attribute("axis", -1))
    places = [call.axis(other) for other in range(axis, call.rank)]
    x = tf.cast(call.tensor(0), tf.float32)
    mean = tf.reduce_mean(x, places, keepdims=True)
    centred = x - mean
    variance = tf.reduce_mean(squared(centred), places, keepdims=True)
    inverse = tf.math.rsqrt(variance + call.attribute("epsilon", 1e-5))
    result = tf.cast(centred * inverse, call.value(0).dtype) * beside(call, call.value(1))
    if call.has(2):
        result = result + beside(call, call.value(2))
    ones = dict.fromkeys(range(axis, call.rank), 1)
    return [call.like(result), call.like(mean, ones), call.like(inverse, ones)][: len(call.node.output)]


def _rms(call: Call) -> Any:
    axis = call.number(call.attribute("axis", -1))
    places = [call.axis(other) for other in range(axis, call.rank)]
    x = tf.cast(call.tensor(0), tf.float32)
    inverse = tf.math.rsqrt(
        tf.reduce_mean(squared(x), places, keepdims=True) + call.attribute("epsilon", 1e-5)
    )
    return call.like(tf.cast(x * inverse, call.value(0).dtype) * beside(call, call.value(1)))


def _instance(call: Call) -> Value:
    places = [call.axis(axis) for axis in range(2, call.rank)]
    centred, variance = moments(call.tensor(0), places)
    result = centred * tf.math.rsqrt(variance + call.attribute("epsilon", 1e-5))
    return call.like(result * along(call, call.value(1), 1) + along(call, call.value(2), 1))


def _group(call: Call) -> Value:
    """Groups of channels become an axis of their own, in whatever order the channels are."""
    groups, channels = call.attribute("num_groups"), call.shape[1]
    if not isinstance(channels, int) or groups < 1 or channels % groups:
        raise ValueError(f"{channels} channels do not divide into {groups} groups")
    x, place = call.tensor(0), call.axis(1)
    sizes = [call.shape[axis] for axis in call.order]
    split = [*sizes[:place], groups, channels // groups, *sizes[place + 1 :]]
    wide = shaped(tf.reshape(x, reshape_target(split)), static_shape(split))
    axes = [axis for axis in range(call.rank + 1) if axis not in (call.axis(0), place)]
    centred, variance = moments(wide, axes)
    normal = centred * tf.math.rsqrt(variance + call.attribute("epsilon", 1e-5))
    flat = tf.reshape(normal, reshape_target(sizes))
    scale, bias = call.value(1), call.value(2)
    if call.opset < 21 and scale.shape[0] != channels:  # one number per group
        scale, bias = (Value(np.repeat(call.array(i), channels // groups)) for i in (1, 2))
    return call.like(flat * along(call, scale, 1) + along(call, bias, 1))


def _local_response(call: Call) -> Any:
    size, place = call.attribute("size"), call.axis(1)
    alpha, beta, bias = (
        call.attribute("alpha", 1e-4),
        call.attribute("beta", 0.75),
        call.attribute("bias", 1.0),
    )
    x = call.tensor(0)
    pads = [(0, 0)] * call.rank
    pads[place] = ((size - 1) // 2, size - 1 - (size - 1) // 2)
    squares = tf.pad(tf.square(x), pads)
    channels = x.shape[place]
    total = tf.add_n(
        [tf.gather(squares, tf.range(step, step + channels), axis=place) for step in range(size)]
    )
    return call.like(x / (bias + alpha / size * total) ** beta)


def _lp(call: Call) -> Value:
    p, place = call.attribute("p", 2), call.axis(call.attribute("axis", -1))
    x = call.tensor(0)
    total = tf.abs(x) if p == 1 else tf.square(x)
    norm = tf.reduce_sum(total, place, keepdims=True)
    norm = norm if p == 1 else tf.sqrt(norm)
    return call.like(tf.where(norm == 0, tf.zeros_like(x), x / tf.where(norm == 0, tf.ones_like(norm), norm)))


def _mean_variance(call: Call) -> Value:
    axes = [call.axis(axis) for axis in call.attribute("axes") or [0, 2, 3]]
    centred, variance = moments(call.tensor(0), axes)
    return call.like(centred / (tf.sqrt(variance) + 1e-9))


OPERATORS: Table = {
    "BatchNormalization": axis_wise(_batch),
    "LayerNormalization": axis_wise(_layer),
    "RMSNormalization": axis_wise(_rms),
    "InstanceNormalization": axis_wise(_instance),
    "GroupNormalization": axis_wise(_group),
    "LRN": axis_wise(_local_response),
    "LpNormalization": axis_wise(_lp),
    "MeanVarianceNormalization": axis_wise(_mean_variance),
}
