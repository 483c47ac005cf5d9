"""Sequences of their own lengths in one tensor, turned round: TFLite has no REVERSE_SEQUENCE in INT8."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def reversed_sequences(x: Any, lengths: Any, time_axis: int = 0) -> Any:
    """Each sequence backwards as far as it is long; what lies behind stays. Rows are gathered by number.

    Args:
        x: [time, batch, …], or [batch, time, …] where `time_axis` is 1.
        lengths: [batch], integers.
        time_axis: 0 or 1.
    """
    sizes = [tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis] for axis in (0, 1)]
    time = tf.expand_dims(tf.range(sizes[time_axis]), 1 - time_axis)
    batch = tf.expand_dims(tf.range(sizes[1 - time_axis]), time_axis)
    lengths = tf.expand_dims(tf.cast(lengths, tf.int32), time_axis)
    source = tf.where(time < lengths, lengths - 1 - time, time)
    rows = source * sizes[1] + batch if time_axis == 0 else batch * sizes[1] + source
    rest = x.shape[2:]
    flat = tf.concat([[-1], tf.shape(x)[2:]], 0) if None in rest.as_list() else [-1, *rest]
    return tf.gather(tf.reshape(x, flat), rows)
