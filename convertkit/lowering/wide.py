"""Quotients, powers and shifts of 64-bit integers, for which TFLite has no kernels, by those that it has.

It multiplies, adds, compares and chooses int64, takes their remainders, and casts them from and to float32.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

ROUNDS = 3
"""A float32 quotient is wrong by at most 2^-22 of it: 63 bits are right after three."""
LARGEST_EXPONENT = 64
"""2^64 wraps to 0 in 64 bits, and so does every higher power of an even number."""


def quotient(left: Any, right: Any) -> Any:
    """Quotients cut towards zero, for any 64 bits but the least number by -1."""
    rest = tf.math.floormod(left, right)
    is_other = tf.not_equal(rest, 0) & tf.not_equal(left < 0, rest < 0)
    return _exact(left - tf.where(is_other, rest - right, rest), right)


def _exact(product: Any, factor: Any) -> Any:
    """The other factor of an exact product: approximated in float32, then what is left of it again."""
    found = tf.zeros_like(product)
    real = tf.cast(factor, tf.float32)
    for _ in range(ROUNDS):
        found += tf.cast(tf.round(tf.cast(product - found * factor, tf.float32) / real), product.dtype)
    return found


def power(base: Any, exponent: Any) -> Any:
    """Powers by squaring; one with a negative exponent is 0 unless its base is 1 or -1."""
    size = tf.where(exponent < 0, -exponent, exponent)
    bits = tf.where(size > LARGEST_EXPONENT, LARGEST_EXPONENT + tf.math.floormod(size, 2), size)
    result, square = tf.ones_like(base + bits), base
    for place in range(LARGEST_EXPONENT.bit_length()):
        is_set = tf.math.floormod(bits, 2 << place) >= 1 << place
        result *= tf.where(is_set, square, tf.ones_like(square))
        square *= square
    is_fraction = (exponent < 0) & ((base > 1) | (base < -1))
    return tf.where(is_fraction, tf.zeros_like(result), result)


def right_shift(x: Any, number: Any) -> Any:
    """Shifts of signed integers by 0 to 63: quotients of their bits, which are turned where x is negative."""
    powers = tf.constant([2**n for n in range(63)], x.dtype)
    bits = tf.where(x < 0, -1 - x, x)
    shifted = quotient(bits, tf.gather(powers, tf.minimum(number, 62)))
    shifted = tf.where(number > 62, tf.zeros_like(x), shifted)
    return tf.where(x < 0, -1 - shifted, shifted)
