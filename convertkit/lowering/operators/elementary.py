"""Elementary functions of one tensor, by what TFLite has kernels for."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, elementwise, elementwise_call


def _reciprocal(x: Any) -> Any:
    return tf.ones([], x.dtype) / x


def _absolute(x: Any) -> Any:
    """TFLite has ABS for no int64."""
    return tf.maximum(x, -x) if x.dtype == tf.int64 else tf.abs(x)


def _sign(x: Any) -> Any:
    """TFLite has SIGN for no int64."""
    return tf.clip_by_value(x, -1, 1) if x.dtype == tf.int64 else tf.sign(x)


def _erf(x: Any) -> Any:
    """Erf by a ratio of polynomials in x², within 3e-7: TFLite has no ERF.

    Source: Eigen's generic_fast_erf for float.
    """
    if x.dtype != tf.float32:
        return tf.math.erf(x)
    x = tf.clip_by_value(x, -4.0, 4.0)
    square = x * x
    above = (-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
             -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02)  # fmt: skip
    below = (-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03,
             -1.42647390514189e-02)  # fmt: skip
    return x * _polynomial(square, above) / _polynomial(square, below)


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    return functools.reduce(
        lambda total, factor: total * x + factor, coefficients[1:], x * 0 + coefficients[0]
    )


def _is_infinite(call: Call) -> Any:
    x = call.tensor(0)
    # TFLite's converter turns a constant infinity into the largest number, so compare with that
    positive = (x > x.dtype.max) if call.attribute("detect_positive", 1) else None
    negative = (x < x.dtype.min) if call.attribute("detect_negative", 1) else None
    if positive is None or negative is None:
        found = negative if positive is None else positive
        return tf.zeros_like(x, tf.bool) if found is None else found
    return positive | negative


OPERATORS: Table = {
    "Abs": elementwise(_absolute),
    "Sqrt": elementwise(tf.sqrt),
    "Exp": elementwise(tf.exp),
    "Log": elementwise(tf.math.log),
    "Reciprocal": elementwise(_reciprocal),
    "Floor": elementwise(tf.floor),
    "Ceil": elementwise(tf.math.ceil),
    "Round": elementwise(tf.round),
    "Sign": elementwise(_sign),
    "Erf": elementwise(_erf),
    "Sin": elementwise(tf.sin),
    "Cos": elementwise(tf.cos),
    "Tan": elementwise(lambda x: tf.sin(x) / tf.cos(x)),
    "Asin": elementwise(lambda x: tf.atan2(x, tf.sqrt((1 - x) * (1 + x)))),
    "Acos": elementwise(lambda x: tf.atan2(tf.sqrt((1 - x) * (1 + x)), x)),
    "Atan": elementwise(lambda x: tf.atan2(x, tf.ones_like(x))),
    "Sinh": elementwise(lambda x: (tf.exp(x) - tf.exp(-x)) / 2),
    "Cosh": elementwise(lambda x: (tf.exp(x) + tf.exp(-x)) / 2),
    "Tanh": elementwise(tf.tanh),
    "Asinh": elementwise(lambda x: tf.sign(x) * tf.math.log(tf.abs(x) + tf.sqrt(x * x + 1))),
    "Acosh": elementwise(lambda x: tf.math.log(x + tf.sqrt(x * x - 1))),
    "Atanh": elementwise(lambda x: 0.5 * tf.math.log((1 + x) / (1 - x))),
    "IsNaN": elementwise(lambda x: tf.not_equal(x, x)),
    "IsInf": elementwise_call(_is_infinite),
}
