"""Reductions, arg-max and arg-min."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, axis_wise
from convertkit.lowering.faults import Undecided
from convertkit.lowering.sizes import product
from convertkit.lowering.value import Value, expanded, sizes_value

Reduction = Callable[..., Any]


def reduction(function: Reduction) -> Callable[[Call], Any]:
    """A reduction over axes that are an attribute or, in newer opsets, an operand."""

    def lower(call: Call) -> Any:
        axes = call.integers(1, "axes")
        if not axes and call.attribute("noop_with_empty_axes", 0):
            return call.like(_each(function, call.tensor(0)))
        gone = sorted({call.number(axis) for axis in axes}) if axes else list(range(call.rank))
        return reduced(call, function, gone, bool(call.attribute("keepdims", 1)))

    return lower


def reduced(call: Call, function: Reduction, axes: list[int], keeps: bool) -> Value:
    """The first operand reduced over logical axes."""
    result = function(call.tensor(0), [call.axis(axis) for axis in axes], keeps)
    if keeps:
        return call.like(result, dict.fromkeys(axes, 1))
    kept = [axis for axis in range(call.rank) if axis not in axes]
    order = tuple(kept.index(axis) for axis in call.order if axis in kept)
    return Value(result, order, tuple(call.shape[axis] for axis in kept))


def _each(function: Reduction, x: Any) -> Any:
    """A reduction over no axes: every element by itself."""
    return tf.squeeze(function(expanded(x, 0), [0], True), [0])


def _sum(x: Any, axes: list[int], keeps: bool) -> Any:
    return tf.reduce_sum(x, axes, keeps)


def _mean(x: Any, axes: list[int], keeps: bool) -> Any:
    return tf.reduce_mean(x, axes, keeps)


def _prod(x: Any, axes: list[int], keeps: bool) -> Any:
    return tf.reduce_prod(x, axes, keeps)


def _largest(x: Any, axes: list[int], keeps: bool) -> Any:
    return tf.reduce_any(x, axes, keeps) if x.dtype == tf.bool else tf.reduce_max(x, axes, keeps)


def _smallest(x: Any, axes: list[int], keeps: bool) -> Any:
    return tf.reduce_all(x, axes, keeps) if x.dtype == tf.bool else tf.reduce_min(x, axes, keeps)


def _l1(x: Any, axes: list[int], keeps: bool) -> Any:
    return tf.reduce_sum(tf.abs(x), axes, keeps)


def _l2(x: Any, axes: list[int], keeps: bool) -> Any:
    total = tf.reduce_sum(tf.square(x), axes, keeps)
    return tf.sqrt(total) if x.dtype.is_floating else tf.cast(tf.sqrt(tf.cast(total, tf.float32)), x.dtype)


def _sum_square(x: Any, axes: list[int], keeps: bool) -> Any:
    return tf.reduce_sum(tf.square(x), axes, keeps)


def _log_sum(x: Any, axes: list[int], keeps: bool) -> Any:
    return tf.math.log(tf.reduce_sum(x, axes, keeps))


def _log_sum_exp(x: Any, axes: list[int], keeps: bool) -> Any:
    """log(sum(exp(x))), shifted by the largest element so that nothing overflows."""
    top = tf.reduce_max(x, axes, True)
    top = tf.where(tf.abs(top) < x.dtype.max, top, tf.zeros_like(top))  # an infinite one cannot be shifted by
    shifted = tf.math.log(tf.reduce_sum(tf.exp(x - top), axes, True)) + top
    return shifted if keeps else tf.squeeze(shifted, axes)


def _prod_sizes(call: Call) -> Value:
    if call.value(0).rank != 1:
        raise Undecided
    total = product(call.sizes(0))
    return sizes_value([total] if call.attribute("keepdims", 1) else total, call.value(0).dtype)


def _arg_max(x: Any, place: int, dtype: Any) -> Any:
    """TFLite finds the largest of no int64: there the first that is equal to it."""
    if x.dtype == tf.int64:
        x = tf.cast(tf.equal(x, tf.reduce_max(x, place, keepdims=True)), tf.int32)
    return tf.argmax(x, place, dtype)


def _arg_min(x: Any, place: int, dtype: Any) -> Any:
    return _arg_max(-1 - x, place, dtype) if x.dtype == tf.int64 else tf.argmin(x, place, dtype)


def _arg(function: Callable[..., Any]) -> Callable[[Call], Any]:
    def lower(call: Call) -> Any:
        axis = call.number(call.attribute("axis", 0))
        x, place = call.tensor(0), call.axis(axis)
        if call.attribute("select_last_index", 0):
            size = x.shape[place] if x.shape[place] is not None else tf.shape(x)[place]
            found = tf.cast(size - 1, tf.int64) - function(tf.reverse(x, [place]), place, tf.int64)
        else:
            found = function(x, place, tf.int64)
        if call.attribute("keepdims", 1):
            return call.like(tf.expand_dims(found, place), {axis: 1})
        kept = [other for other in range(call.rank) if other != axis]
        order = tuple(kept.index(other) for other in call.order if other != axis)
        return Value(found, order, tuple(call.shape[other] for other in kept))

    return lower


OPERATORS: Table = {
    "ReduceSum": axis_wise(reduction(_sum)),
    "ReduceMean": axis_wise(reduction(_mean)),
    "ReduceProd": axis_wise(reduction(_prod), sizes=_prod_sizes),
    "ReduceMax": axis_wise(reduction(_largest)),
    "ReduceMin": axis_wise(reduction(_smallest)),
    "ReduceL1": axis_wise(reduction(_l1)),
    "ReduceL2": axis_wise(reduction(_l2)),
    "ReduceSumSquare": axis_wise(reduction(_sum_square)),
    "ReduceLogSum": axis_wise(reduction(_log_sum)),
    "ReduceLogSumExp": axis_wise(reduction(_log_sum_exp)),
    "ArgMax": axis_wise(_arg(_arg_max)),
    "ArgMin": axis_wise(_arg(_arg_min)),
}
