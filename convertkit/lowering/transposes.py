"""Transposes past the rank that TFLite takes: neighbours that stay neighbours are one axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from convertkit.lowering.sizes import Size, product, reshape_target

LIMIT = 6
"""Axes: TFLite's TRANSPOSE takes no more."""


def transposed(x: Any, shape: Sequence[Size], steps: list[int]) -> Any:
    """A transpose; above the limit with runs of axes as one, in several turns where that is not enough."""
    if len(steps) <= LIMIT:
        return tf.transpose(x, steps)
    runs = [[steps[0]]]
    for step in steps[1:]:
        if step == runs[-1][-1] + 1:
            runs[-1].append(step)
        else:
            runs.append([step])
    target = [shape[axis] for axis in steps]
    blocks = sorted(runs)
    order = [blocks.index(run) for run in runs]
    sizes = [product(shape[axis] for axis in block) for block in blocks]
    if len(order) > LIMIT:
        return tf.reshape(_in_turns(x, sizes, order), reshape_target(target))
    merged_x = tf.reshape(x, reshape_target(sizes))
    return tf.reshape(tf.transpose(merged_x, order), reshape_target(target))


def _in_turns(x: Any, sizes: list[Size], order: list[int]) -> Any:
    """One axis after another brought to its place, each by a transpose of four axes."""
    now = list(range(len(sizes)))
    for place, axis in enumerate(order):
        at = now.index(axis)
        if at == place:
            continue
        parts = [now[:place], now[place:at], [axis], now[at + 1 :]]
        shape = [product(sizes[a] for a in part) for part in parts]
        x = tf.transpose(tf.reshape(x, reshape_target(shape)), [0, 2, 1, 3])
        now = [*parts[0], axis, *parts[1], *parts[3]]
    return x
