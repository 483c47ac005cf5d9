"""Gather and scatter in their forms, one-hot, top-k, and what counts or finds elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, axis_wise, free, logical
from convertkit.lowering.faults import Undecided
from convertkit.lowering.geometry.sequences import reversed_sequences
from convertkit.lowering.geometry.writing import with_updates
from convertkit.lowering.sizes import Size, scalar
from convertkit.lowering.value import Value, sizes_value


def wrapped(indices: Any, size: Any) -> Any:
    """Indices with negative ones counted from the end; nothing is done where none can be negative."""
    known = tf.get_static_value(indices)
    if known is not None and (known >= 0).all():
        return indices
    return tf.where(indices < 0, indices + tf.cast(size, indices.dtype), indices)


def _gather(call: Call) -> Any:
    value, indices = call.value(0), call.value(1).logical()
    axis = call.number(call.attribute("axis", 0))
    place = call.axis(axis)
    picks = wrapped(call.tensor_of(indices), scalar(value.shape[axis]))
    result = tf.gather(call.tensor(0), picks, axis=place)
    shape = (*value.shape[:axis], *indices.shape, *value.shape[axis + 1 :])
    order: list[int] = []
    for logical_axis in value.order:
        if logical_axis == axis:
            order.extend(range(axis, axis + indices.rank))
        else:
            order.append(logical_axis + (indices.rank - 1 if logical_axis > axis else 0))
    return Value(result, tuple(order), shape)


def _gather_sizes(call: Call) -> Value:
    if not call.value(1).is_constant:
        raise Undecided
    picked = np.take(call.value(0).data, call.array(1), call.attribute("axis", 0))
    return sizes_value(picked, call.value(0).dtype)


def positions(call: Call, indices: Any, axis: int) -> Any:
    """Full coordinates of every element of `indices`, its values along `axis`: [..., rank]."""
    shape = tf.shape(indices)
    rank = indices.shape.rank
    coordinates = []
    for place in range(rank):
        if place == axis:
            coordinates.append(tf.cast(wrapped(indices, tf.shape(call.tensor(0))[axis]), tf.int32))
            continue
        line = tf.reshape(tf.range(shape[place]), [-1 if place == other else 1 for other in range(rank)])
        coordinates.append(tf.broadcast_to(line, shape))
    return tf.stack(coordinates, -1)


def _gather_elements(call: Call) -> Any:
    axis = call.number(call.attribute("axis", 0))
    return elements(call.tensor(0), positions(call, call.tensor(1), axis))


def elements(x: Any, indices: Any, batch: int = 0) -> Any:
    """`tf.gather_nd`; booleans go as whole numbers, since older TFLite runtimes gather no others."""
    if x.dtype != tf.bool:
        return tf.gather_nd(x, indices, batch_dims=batch)
    return tf.cast(tf.gather_nd(tf.cast(x, tf.int8), indices, batch_dims=batch), tf.bool)


def _gather_nd(call: Call) -> Any:
    x, indices = call.tensor(0), call.tensor(1)
    batch = call.attribute("batch_dims", 0)
    depth = call.value(1).shape[-1]
    if not isinstance(depth, int):
        raise call.needs_constant(1)
    limits = [scalar(size) for size in call.shape[batch : batch + depth]]
    return elements(x, wrapped(indices, tf.stack(limits)), batch)


def _scatter_nd(call: Call) -> Any:
    x, indices, updates = call.tensors()
    limits = tf.stack([scalar(size) for size in call.shape[: indices.shape[-1]]])
    return call.like(scatter(x, wrapped(indices, limits), updates, call.attribute("reduction", "none")))


def scatter(x: Any, indices: Any, updates: Any, reduction: str) -> Any:
    """A tensor with some elements replaced, or reduced with the updates."""
    function = {
        "none": with_updates,
        "add": tf.tensor_scatter_nd_add,
    }.get(reduction)
    if function is not None:
        return function(x, indices, updates)
    if reduction in ("max", "min"):
        return _scatter_extreme(x, indices, updates, reduction)
    if reduction != "mul":
        raise ValueError(f"reduction '{reduction}' is out of range")
    flat = tf.reshape(indices, [-1, indices.shape[-1]])
    rest = tf.reshape(updates, tf.concat([[-1], tf.shape(x)[indices.shape[-1] :]], 0))
    return tf.foldl(
        lambda total, pair: tf.tensor_scatter_nd_update(
            total, [pair[0]], [tf.gather_nd(total, [pair[0]])[0] * pair[1]]
        ),
        (flat, rest),
        initializer=x,
    )


def _scatter_extreme(x: Any, indices: Any, updates: Any, reduction: str) -> Any:
    """Scatter by the largest or smallest: TFLite reduces segments of rows, but scatters no such thing."""
    segment, pick = {
        "max": (tf.math.unsorted_segment_max, tf.maximum),
        "min": (tf.math.unsorted_segment_min, tf.minimum),
    }[reduction]
    depth, shape = indices.shape[-1], tf.shape(x)
    limits, rest = shape[:depth], shape[depth:]
    places, count = tf.zeros([], tf.int32), tf.constant(1)
    for axis, index in enumerate(tf.unstack(tf.cast(indices, tf.int32), axis=-1)):
        places, count = places * limits[axis] + index, count * limits[axis]
    places = tf.reshape(places, [-1])
    rows = tf.reshape(updates, tf.concat([tf.shape(places), rest], 0))
    found = tf.reshape(segment(rows, places, count), shape)
    is_met = tf.math.unsorted_segment_max(tf.ones_like(places), places, count) > 0
    is_met = tf.reshape(is_met, tf.concat([limits, tf.ones_like(rest)], 0))
    return tf.where(is_met, pick(x, found), x)


def _scatter_elements(call: Call) -> Any:
    x, indices, updates = call.tensors()
    axis = call.number(call.attribute("axis", 0))
    places = positions(call, indices, axis)
    return call.like(scatter(x, places, updates, call.attribute("reduction", "none")))


def _one_hot(call: Call) -> Any:
    indices, values = call.tensor(0), call.tensor(2)
    depth = call.value(1).sizes()
    count = scalar(depth[0]) if depth is not None else tf.reshape(tf.cast(call.tensor(1), tf.int32), [])
    rank = call.rank + 1
    axis = call.attribute("axis", -1) % rank
    whole = tf.cast(indices, tf.int64)
    picks = tf.math.floormod(whole, tf.cast(count, tf.int64))
    inside = (whole >= -tf.cast(count, tf.int64)) & (whole < tf.cast(count, tf.int64))
    line = tf.reshape(
        tf.range(tf.cast(count, tf.int64)), [-1 if place == axis else 1 for place in range(rank)]
    )
    hit = tf.expand_dims(inside, axis) & tf.equal(tf.expand_dims(picks, axis), line)
    return tf.where(hit, values[1], values[0])


def _top_k(call: Call) -> Any:
    axis = call.number(call.attribute("axis", -1))
    value = call.value(0).in_order((*[a for a in call.order if a != axis], axis))
    x = call.tensor_of(value)
    known: list[Size] | None = [call.attribute("k")] if call.opset < 10 else call.value(1).sizes()
    count = scalar(known[0]) if known else tf.reshape(tf.cast(call.tensor(1), tf.int32), [])
    if call.attribute("largest", 1):
        values, places = tf.math.top_k(x, count)
    else:
        values, places = _smallest_k(x, count)
    shape = list(call.shape)
    if known:
        shape[axis] = known[0]
        return [Value(t, value.order, tuple(shape)) for t in (values, tf.cast(places, tf.int64))]
    return [Value(t, value.order) for t in (values, tf.cast(places, tf.int64))]


def _smallest_k(x: Any, count: Any) -> tuple[Any, Any]:
    """The smallest elements are the largest of the negated ones (integers: complemented)."""
    flipped = -x if x.dtype.is_floating else -1 - x if x.dtype.min < 0 else tf.bitwise.invert(x)
    _, places = tf.math.top_k(flipped, count)
    return tf.gather(x, places, batch_dims=x.shape.rank - 1), places


def _non_zero(call: Call) -> Any:
    return tf.transpose(tf.where(tf.not_equal(call.tensor(0), tf.zeros([], call.value(0).dtype))))


def _compress(call: Call) -> Any:
    x, condition = call.tensor(0), call.tensor(1)
    axis = call.attribute("axis")
    if axis is None:
        x, axis = tf.reshape(x, [-1]), 0
    picks = tf.squeeze(tf.where(condition), 1)
    return tf.gather(x, picks, axis=axis)


def _cumulative(function: Any) -> Any:
    def lower(call: Call) -> Any:
        axis = call.axis(int(call.array(1).reshape(-1)[0]))
        reverse, exclusive = bool(call.attribute("reverse", 0)), bool(call.attribute("exclusive", 0))
        return call.like(function(call.tensor(0), axis, exclusive, reverse))

    return lower


def _cumulative_product(x: Any, axis: int, exclusive: bool, reverse: bool) -> Any:
    """Products of everything before, in log2(size) steps that double: TFLite has no CUMPROD."""
    size = x.shape[axis]
    if size is None:
        return tf.math.cumprod(x, axis, exclusive, reverse)

    def delayed(tensor: Any, step: int) -> Any:
        begin, length = [0] * len(x.shape), [-1] * len(x.shape)
        begin[axis], length[axis] = (step if reverse else 0), size - step
        pads = [(0, 0)] * len(x.shape)
        pads[axis] = (0, step) if reverse else (step, 0)
        return tf.pad(tf.slice(tensor, begin, length), pads, constant_values=1)

    x = delayed(x, 1) if exclusive and size else x
    for power in range((size - 1).bit_length() if size else 0):
        x = x * delayed(x, 2**power)
    return x


def _reverse_sequence(call: Call) -> Any:
    time, batch = call.attribute("time_axis", 0), call.attribute("batch_axis", 1)
    if {time, batch} != {0, 1}:
        raise ValueError(f"time_axis {time} and batch_axis {batch} are not 0 and 1")
    return call.like(reversed_sequences(call.tensor(0), call.tensor(1), time))


OPERATORS: Table = {
    "Gather": axis_wise(_gather, sizes=_gather_sizes),
    "GatherElements": logical(_gather_elements),
    "GatherND": logical(_gather_nd),
    "Scatter": logical(_scatter_elements),
    "ScatterElements": logical(_scatter_elements),
    "ScatterND": logical(_scatter_nd),
    "OneHot": logical(_one_hot),
    "TopK": free(_top_k),
    "NonZero": logical(_non_zero),
    "Compress": logical(_compress),
    "CumSum": axis_wise(_cumulative(tf.cumsum)),
    "CumProd": axis_wise(_cumulative(_cumulative_product)),
    "ReverseSequence": logical(_reverse_sequence),
}
