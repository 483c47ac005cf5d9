"""Integers bit by bit, by TFLite's kernels: XOR, RIGHT_SHIFT and arithmetic, not AND, OR or NOT."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, elementwise, elementwise_call
from convertkit.lowering.operators.elementwise import SHORT, widened
from convertkit.lowering.wide import right_shift


def _and(left: Any, right: Any) -> Any:
    """x & y = (x + y - (x ^ y)) / 2, the lowest bit apart so that no sum overflows."""
    if left.dtype != tf.int32:
        return tf.bitwise.bitwise_and(left, right)
    high, other = (tf.bitwise.right_shift(x, 1) for x in (left, right))
    both = tf.bitwise.right_shift(high + other - tf.bitwise.bitwise_xor(high, other), 1)
    return both * 2 + (left - high * 2) * (right - other * 2)


def _or(left: Any, right: Any) -> Any:
    if left.dtype != tf.int32:
        return tf.bitwise.bitwise_or(left, right)
    return tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(left, right), _and(left, right))


def _not(x: Any) -> Any:
    return -1 - x if x.dtype.min < 0 else tf.bitwise.invert(x)


def _shift(call: Call) -> Any:
    """Shifts by the width or more, and by negative numbers, shift everything out."""
    left, right = call.tensors()
    dtype, bits = left.dtype, left.dtype.size * 8
    if dtype in SHORT:
        left, right = tf.cast(left, tf.int32), tf.cast(right, tf.int32)
    is_all = (right >= bits) | (right < 0) if right.dtype.min < 0 else right >= bits
    zero = tf.zeros_like(left)
    if call.attribute("direction") == "LEFT":
        shifted = tf.where(is_all, zero, _left(left, tf.where(is_all, tf.zeros_like(right), right)))
    elif dtype.min < 0:
        number = tf.where(is_all, tf.cast(bits - 1, right.dtype), right)
        shifted = (right_shift if dtype == tf.int64 else tf.bitwise.right_shift)(left, number)
    else:
        inside = tf.where(is_all, tf.zeros_like(right), right)
        shifted = tf.where(is_all, zero, tf.bitwise.right_shift(left, inside))
    return tf.cast(shifted, dtype)


def _left(x: Any, number: Any) -> Any:
    """Multiplied by a power of two: TFLite has no LEFT_SHIFT."""
    if x.dtype not in (tf.int32, tf.int64):
        return tf.bitwise.left_shift(x, number)
    powers = tf.constant([2**n for n in range(x.dtype.size * 8 - 1)] + [x.dtype.min], x.dtype)
    return x * tf.gather(powers, number)


OPERATORS: Table = {
    "BitwiseAnd": elementwise(widened(_and)),
    "BitwiseOr": elementwise(widened(_or)),
    "BitwiseXor": elementwise(widened(tf.bitwise.bitwise_xor)),
    "BitwiseNot": elementwise(widened(_not)),
    "BitShift": elementwise_call(_shift),
}
