"""Activations, in the forms that TFLite has or fuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, axis_wise, elementwise, elementwise_call, since, until
from convertkit.lowering.operators.elementwise import widened
from convertkit.lowering.ranks import BROADCASTS
from convertkit.lowering.value import shaped


def _relu(x: Any) -> Any:
    """TFLite has RELU for no integers."""
    return tf.nn.relu(x) if x.dtype.is_floating else widened(tf.maximum)(x, tf.zeros([], x.dtype))


def _leaky_relu(call: Call) -> Any:
    return tf.nn.leaky_relu(call.tensor(0), call.attribute("alpha", 0.01))


def _elu(call: Call) -> Any:
    x, alpha = call.tensor(0), call.attribute("alpha", 1.0)
    return tf.nn.elu(x) if alpha == 1.0 else tf.nn.relu(x) + alpha * _below(x)


def _celu(call: Call) -> Any:
    x, alpha = call.tensor(0), call.attribute("alpha", 1.0)
    return tf.nn.elu(x) if alpha == 1.0 else tf.nn.relu(x) + alpha * _below(x / alpha)


def _selu(call: Call) -> Any:
    x = call.tensor(0)
    alpha = call.attribute("alpha", 1.67326319217681884765625)
    gamma = call.attribute("gamma", 1.05070102214813232421875)
    return gamma * tf.nn.relu(x) + gamma * alpha * _below(x)


def _below(x: Any) -> Any:
    """exp(x) - 1 below zero, 0 above: exp of large numbers would be the scale of an INT8 tensor."""
    return tf.nn.elu(tf.minimum(x, tf.zeros([], x.dtype)))


def _hard_sigmoid(call: Call) -> Any:
    x, alpha, beta = call.tensor(0), call.attribute("alpha", 0.2), call.attribute("beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return tf.nn.relu6(x + 3.0) * (1 / 6)
    return tf.clip_by_value(x * alpha + beta, 0.0, 1.0)


def _hard_swish(x: Any) -> Any:
    return x * (tf.nn.relu6(x + np.float32(3)) * np.float32(1 / 6))


def _softplus(x: Any) -> Any:
    """log(1 + exp(x)) without overflow."""
    return tf.nn.relu(x) + tf.math.log(1 + tf.exp(-tf.abs(x)))


def _swish(call: Call) -> Any:
    x, alpha = call.tensor(0), call.attribute("alpha", 1.0)
    return x * tf.sigmoid(x if alpha == 1.0 else alpha * x)


def _thresholded(call: Call) -> Any:
    x = call.tensor(0)
    return tf.where(x > call.attribute("alpha", 1.0), x, tf.zeros_like(x))


def _shrink(call: Call) -> Any:
    x = call.tensor(0)
    bias, limit = (
        tf.cast(call.attribute("bias", 0.0), x.dtype),
        tf.cast(call.attribute("lambd", 0.5), x.dtype),
    )
    return tf.where(x < -limit, x + bias, tf.where(x > limit, x - bias, tf.zeros_like(x)))


def _gelu(call: Call) -> Any:
    return tf.nn.gelu(call.tensor(0), approximate=call.attribute("approximate", "none") == "tanh")


def _prelu(call: Call) -> Any:
    x, slope = call.tensors()
    if call.opset < 7 and call.value(1).rank == 1:  # one slope per channel
        place = call.axis(1)
        slope = tf.reshape(slope, [-1, *[1] * (call.rank - 1 - place)])
    if x.dtype.is_floating:
        return _sloped(call, x, slope)
    return tf.where(x >= 0, x, slope * x)


def _sloped(call: Call, x: Any, slope: Any) -> Any:
    """The sum that TFLiteConverter makes one PRELU of: it takes a constant with one axis less than x."""
    known = call.value(1)
    if not known.is_constant or known.dtype != tf.float32:
        return tf.nn.relu(x) - slope * tf.nn.relu(-x)
    if len(np.unique(known.data)) == 1:
        return tf.nn.leaky_relu(x, float(known.data.flat[0]))
    ones = [1] * (x.shape.rank - 1 - slope.shape.rank)
    negated = tf.constant(-known.data.reshape([*ones, *slope.shape]))
    return tf.nn.relu(x) + negated * tf.nn.relu(-x)


def _along(function: Callable[..., Any], default: int) -> Callable[[Call], Any]:
    """An activation along one axis."""

    def lower(call: Call) -> Any:
        axis = call.axis(call.attribute("axis", default))
        return call.like(function(call.tensor(0), axis))

    return lower


def _over_rest(function: Callable[..., Any]) -> Callable[[Call], Any]:
    """Up to opset 12 these see a matrix: all axes from `axis` on count as one."""

    def lower(call: Call) -> Any:
        first = call.number(call.attribute("axis", 1))
        if first == call.rank - 1:
            return call.like(function(call.tensor(0), call.axis(first)))
        value = call.value(0).logical()
        tensor = call.tensor_of(value)
        shape = tf.shape(tensor)
        flat = tf.reshape(tensor, tf.concat([shape[:first], [-1]], 0))
        result = tf.reshape(function(flat, first), shape)
        return type(value)(result, value.order, value.shape)

    return lower


def _softmax(x: Any, axis: int) -> Any:
    if x.shape.rank > BROADCASTS and axis in (-1, x.shape.rank - 1):  # TensorFlow's takes no more axes
        rows = tf.reshape(x, [-1, x.shape[-1] or tf.shape(x)[-1]])
        return shaped(tf.reshape(tf.nn.softmax(rows), tf.shape(x)), x.shape)
    return tf.nn.softmax(x, axis)


def _log_softmax(x: Any, axis: int) -> Any:
    return tf.nn.log_softmax(x, axis)


def _hardmax(x: Any, axis: int) -> Any:
    place = tf.argmax(x, axis)
    return tf.one_hot(place, x.shape[axis] or tf.shape(x)[axis], axis=axis, dtype=x.dtype)


OPERATORS: Table = {
    "Relu": elementwise(_relu),
    "LeakyRelu": elementwise_call(_leaky_relu),
    "PRelu": elementwise_call(_prelu),
    "Elu": elementwise_call(_elu),
    "Celu": elementwise_call(_celu),
    "Selu": elementwise_call(_selu),
    "Sigmoid": elementwise(tf.sigmoid),
    "HardSigmoid": elementwise_call(_hard_sigmoid),
    "HardSwish": elementwise(_hard_swish),
    "Softplus": elementwise(_softplus),
    "Softsign": elementwise(lambda x: x / (1 + tf.abs(x))),
    "Swish": elementwise_call(_swish),
    "Mish": elementwise(lambda x: x * tf.tanh(_softplus(x))),
    "ThresholdedRelu": elementwise_call(_thresholded),
    "Shrink": elementwise_call(_shrink),
    "Gelu": elementwise_call(_gelu),
    "Softmax": (until(12, axis_wise(_over_rest(_softmax))), since(13, axis_wise(_along(_softmax, -1)))),
    "LogSoftmax": (
        until(12, axis_wise(_over_rest(_log_softmax))),
        since(13, axis_wise(_along(_log_softmax, -1))),
    ),
    "Hardmax": (until(12, axis_wise(_over_rest(_hardmax))), since(13, axis_wise(_along(_hardmax, -1)))),
}
