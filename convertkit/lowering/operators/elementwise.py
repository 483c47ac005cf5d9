"""Arithmetic, comparisons and logic; what they do to vectors of sizes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, elementwise, elementwise_call
from convertkit.lowering.faults import Undecided
from convertkit.lowering.sizes import Size, divide, is_equal
from convertkit.lowering.value import Value, sizes_value, squared
from convertkit.lowering.wide import power, quotient


def on_sizes(function: Callable[..., Size]) -> Callable[[Call], Value]:
    """The rule of an operator for vectors of sizes, element by element."""

    def rule(call: Call) -> Value:
        arrays = [call.value(index).data.astype(object) for index in range(len(call.values))]
        result = np.frompyfunc(function, len(arrays), 1)(*arrays)
        return sizes_value(result, call.value(len(arrays) - 1).dtype)

    return rule


def _compared(function: Callable[[Size], bool | None]) -> Callable[[Call], Value]:
    """The rule of a comparison for sizes, from their difference."""

    def one(left: Size, right: Size) -> bool:
        decided = function(left - right)
        if decided is None:
            raise Undecided
        return decided

    def rule(call: Call) -> Value:
        left, right = (call.value(index).data.astype(object) for index in (0, 1))
        return Value(np.asarray(np.frompyfunc(one, 2, 1)(left, right), bool))

    return rule


def _sign(size: Size) -> int | None:
    """1 or -1 where a difference of sizes surely is above or below zero, 0 where it is zero, else None."""
    if isinstance(size, int):
        return (size > 0) - (size < 0)
    if is_equal(size, 0) is False:
        return 1 if all(factor > 0 for factor in size.terms.values()) else -1
    return None


def _known(test: Callable[[int], bool]) -> Callable[[Size], bool | None]:
    def decide(difference: Size) -> bool | None:
        sign = _sign(difference)
        return None if sign is None else test(sign)

    return decide


def _smaller(left: Size, right: Size) -> Size:
    sign = _sign(left - right)
    if sign is None:
        raise Undecided
    return left if sign <= 0 else right


def _larger(left: Size, right: Size) -> Size:
    return right if _smaller(left, right) is left else left


def _integer_divide(left: Size, right: Size) -> Size:
    if isinstance(left, int) and isinstance(right, int):
        return int(np.trunc(left / right)) if right else 0
    return divide(left, right)


SHORT = (tf.int8, tf.uint8, tf.int16, tf.uint16)


def widened(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function on 32 bits where the operands are shorter integers: TFLite has it for no others."""

    def lower(*tensors: Any) -> Any:
        short = tensors[-1].dtype
        if short not in SHORT:
            return function(*tensors)
        result = function(*[tf.cast(x, tf.int32) if x.dtype == short else x for x in tensors])
        return tf.cast(result, short) if result.dtype == tf.int32 else result

    return lower


def _divide(left: Any, right: Any) -> Any:
    """Quotients; those of integers are cut towards zero."""
    if left.dtype.is_floating:
        return tf.math.divide(left, right)
    if left.dtype == tf.int64:
        return quotient(left, right)
    floor = tf.math.floordiv(left, right)
    if left.dtype.min == 0:
        return floor
    is_below = tf.not_equal(floor * right, left) & tf.not_equal(left < 0, right < 0)
    return floor + tf.cast(is_below, floor.dtype)


def _power(base: Any, exponent: Any) -> Any:
    known = tf.get_static_value(exponent)
    if known is not None and known.size == 1 and base.dtype.is_floating:
        simple = {
            2.0: squared,
            0.5: tf.sqrt,
            1.0: tf.identity,
            -0.5: tf.math.rsqrt,
            -1.0: tf.math.reciprocal,
        }
        function = simple.get(float(known.reshape(-1)[0]))
        if function is not None and known.ndim <= base.shape.rank:
            return function(base)
    if exponent.dtype == base.dtype:
        return (power if base.dtype == tf.int64 else tf.pow)(base, exponent)
    wide = exponent.dtype if exponent.dtype.is_floating else base.dtype
    return tf.cast(tf.pow(tf.cast(base, wide), tf.cast(exponent, wide)), base.dtype)


def _modulo(call: Call) -> Any:
    left, right = call.tensors()
    function = _remainder if call.attribute("fmod", 0) else tf.math.floormod
    if left.dtype.is_floating and left.dtype.size == 2:
        return tf.cast(function(tf.cast(left, tf.float32), tf.cast(right, tf.float32)), left.dtype)
    return widened(function)(left, right)


def _remainder(left: Any, right: Any) -> Any:
    """What a quotient cut towards zero leaves, by floormod: TFLite has no other and divides no int64."""
    if left.dtype.is_floating:
        rest = tf.math.floormod(tf.abs(left), tf.abs(right))
        return tf.where(left < 0, -rest, rest)
    rest = tf.math.floormod(left, right)
    if left.dtype.min == 0:
        return rest
    is_other = tf.not_equal(rest, 0) & tf.not_equal(left < 0, rest < 0)
    return tf.where(is_other, rest - right, rest)


def _folded(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda *tensors: functools.reduce(function, tensors)


def _mean(*tensors: Any) -> Any:
    return functools.reduce(tf.add, tensors) / len(tensors)


def _choose(condition: Any, left: Any, right: Any) -> Any:
    return tf.where(condition, left, right)


def _choose_sizes(call: Call) -> Value:
    condition, left, right = (call.value(index).data for index in range(3))
    return sizes_value(np.where(condition, left.astype(object), right.astype(object)), call.value(1).dtype)


def _clip(call: Call) -> Any:
    x = call.tensor(0)
    low, high = (_bound(call, index, name) for index, name in ((1, "min"), (2, "max")))
    known = [None if bound is None else tf.get_static_value(bound) for bound in (low, high)]
    if x.dtype.is_floating and known[0] == 0:  # TFLite has these for no integers
        if high is None:
            return tf.nn.relu(x)
        if known[1] == 6:
            return tf.nn.relu6(x)
    if low is not None:
        x = widened(tf.maximum)(x, low)
    return x if high is None else widened(tf.minimum)(x, high)


def _bound(call: Call, index: int, name: str) -> Any:
    value = call.attribute(name)
    if value is not None:
        return tf.constant(value, call.value(0).dtype)
    return call.optional(index)


OPERATORS: Table = {
    "Add": elementwise(widened(tf.add), sizes=on_sizes(lambda a, b: a + b)),
    "Sub": elementwise(widened(tf.subtract), sizes=on_sizes(lambda a, b: a - b)),
    "Mul": elementwise(widened(tf.multiply), sizes=on_sizes(lambda a, b: a * b)),
    "Div": elementwise(widened(_divide), sizes=on_sizes(_integer_divide)),
    "Mod": elementwise_call(_modulo, sizes=on_sizes(lambda a, b: a % b)),
    "Pow": elementwise(_power),
    "Neg": elementwise(tf.negative, sizes=on_sizes(lambda a: -a)),
    "Sum": elementwise(widened(_folded(tf.add))),
    "Mean": elementwise(_mean),
    "Max": elementwise(widened(_folded(tf.maximum)), sizes=on_sizes(_larger)),
    "Min": elementwise(widened(_folded(tf.minimum)), sizes=on_sizes(_smaller)),
    "Equal": elementwise(widened(tf.equal), sizes=_compared(_known(lambda sign: sign == 0))),
    "Less": elementwise(widened(tf.less), sizes=_compared(_known(lambda sign: sign < 0))),
    "LessOrEqual": elementwise(widened(tf.less_equal), sizes=_compared(_known(lambda sign: sign <= 0))),
    "Greater": elementwise(widened(tf.greater), sizes=_compared(_known(lambda sign: sign > 0))),
    "GreaterOrEqual": elementwise(widened(tf.greater_equal), sizes=_compared(_known(lambda sign: sign >= 0))),
    "And": elementwise(tf.logical_and),
    "Or": elementwise(tf.logical_or),
    "Xor": elementwise(tf.not_equal),
    "Not": elementwise(tf.logical_not),
    "Where": elementwise(_choose, sizes=_choose_sizes),
    "Clip": elementwise_call(_clip, data=1),
}
