"""Writing into a tensor by choosing, not by adding.

TFLite writes `tensor_scatter_nd_update` as a product and a sum, of which an infinity makes NaN, and scatters
INT8 into raw zeros, which are other numbers where the zero point is not 0.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from convertkit.lowering.value import shaped

CHOOSES = 5  # axes: TFLite's SELECT_V2 takes no more


def with_row(buffer: Any, number: Any, row: Any) -> Any:
    """The buffer with another row at `number`."""
    if buffer.shape.rank > CHOOSES:
        flat = with_row(tf.reshape(buffer, [tf.shape(buffer)[0], -1]), number, tf.reshape(row, [-1]))
        return shaped(tf.reshape(flat, tf.shape(buffer)), buffer.shape)
    places = tf.range(tf.shape(buffer)[0] if buffer.shape[0] is None else buffer.shape[0])
    places = tf.reshape(places, [-1, *[1] * (buffer.shape.rank - 1)])
    return tf.where(tf.equal(places, number), row[tf.newaxis], buffer)


def with_updates(x: Any, indices: Any, updates: Any) -> Any:
    """The tensor with elements or slices replaced; no index may stand twice."""
    if not x.dtype.is_floating:
        return tf.tensor_scatter_nd_update(x, indices, updates)
    shape = tf.shape(x)
    ones = tf.ones(tf.shape(indices)[:-1], tf.int32)
    depth = indices.shape[-1]
    is_met = tf.scatter_nd(indices, ones, tf.cast(shape[:depth], indices.dtype)) > 0
    is_met = tf.reshape(is_met, tf.concat([shape[:depth], tf.ones([x.shape.rank - depth], tf.int32)], 0))
    values = tf.scatter_nd(indices, updates, tf.cast(shape, indices.dtype))
    return shaped(tf.where(is_met, values, x), x.shape)
