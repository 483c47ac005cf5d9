"""Blocks of pixels to channels and back, and padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, axis_wise, channel_last
from convertkit.lowering.sizes import Size, scalar
from convertkit.lowering.value import Value


def _depth_to_space(call: Call) -> Value:
    block = call.attribute("blocksize")
    channels = call.shape[1]
    if not isinstance(channels, int) or channels % (block * block):
        raise ValueError(f"{channels} channels do not fill blocks of {block}")
    x, depth = call.tensor(0), channels // (block * block)
    if (
        call.attribute("mode", "DCR") == "CRD"
    ):  # pixel shuffle: the channel comes before the place in the block
        order = np.arange(channels).reshape(depth, block * block).T.reshape(-1)
        x = x if depth == 1 else tf.gather(x, order, axis=3)
    result = tf.nn.depth_to_space(x, block)
    return call.like(result, {1: depth, 2: call.shape[2] * block, 3: call.shape[3] * block})


def _space_to_depth(call: Call) -> Value:
    block = call.attribute("blocksize")
    result = tf.nn.space_to_depth(call.tensor(0), block)
    channels = call.shape[1] * (block * block)
    if call.attribute("mode", "DCR") == "CRD":
        if not isinstance(channels, int):
            raise ValueError("the number of channels has to be known")
        result = tf.gather(result, np.arange(channels).reshape(block * block, -1).T.reshape(-1), axis=3)
    return call.like(result, {1: channels, 2: call.shape[2] // block, 3: call.shape[3] // block})


def _pad(call: Call) -> Any:
    mode = call.attribute("mode", "constant")
    axes = call.integers(3) or list(range(call.rank))
    pads = call.attribute("pads") if call.opset >= 2 else call.attribute("paddings")
    if pads is None:
        known = call.value(1).sizes()
        if known is None:
            return _pad_at_run_time(call, mode)
        pads = known
    rows: list[tuple[Size, Size]] = [(0, 0)] * call.rank
    for place, axis in enumerate(axes):
        rows[call.number(axis)] = (pads[place], pads[place + len(axes)])
    x = _cut(call, rows)
    physical = [tuple(max(n, 0) if isinstance(n, int) else n for n in rows[axis]) for axis in call.order]
    changed: dict[int, Size | None] = {
        axis: call.shape[axis] + (begin + end)
        for axis, (begin, end) in enumerate(rows)
        if (begin, end) != (0, 0)
    }
    if not changed:
        return call.value(0)
    return call.like(_padded(x, physical, mode, _fill(call, x)), changed)


def _cut(call: Call, rows: list[tuple[Size, Size]]) -> Any:
    """The tensor without what negative pads take away."""
    x = call.tensor(0)
    spec = [slice(None)] * call.rank
    for axis, (begin, end) in enumerate(rows):
        low = -begin if isinstance(begin, int) and begin < 0 else None
        high = end if isinstance(end, int) and end < 0 else None
        spec[call.axis(axis)] = slice(low, high)
    return x if all(part == slice(None) for part in spec) else x[tuple(spec)]


def _fill(call: Call, x: Any) -> Any:
    if call.attribute("value") is not None:
        return tf.cast(call.attribute("value"), x.dtype)
    if not call.has(2):
        return tf.zeros([], x.dtype)
    told = call.value(2)
    return tf.constant(told.data.reshape(())) if told.is_constant else tf.reshape(call.tensor(2), [])


def _padded(x: Any, rows: list[Any], mode: str, fill: Any) -> Any:
    pads = [[scalar(begin), scalar(end)] for begin, end in rows]
    match mode:
        case "constant":
            is_zero = tf.get_static_value(fill) == 0  # PAD: what convolutions take in and PADV2 is not
            return tf.pad(x, pads) if is_zero else tf.pad(x, pads, constant_values=fill)
        case "reflect":
            return tf.pad(x, pads, "REFLECT")
        case "edge" | "wrap":
            for axis, (begin, end) in enumerate(pads):
                if not (isinstance(begin, int) and isinstance(end, int) and begin == end == 0):
                    x = _extended(x, axis, begin, end, mode)
            return x
    raise ValueError(f"mode '{mode}' is out of range")


def _extended(x: Any, axis: int, begin: Any, end: Any, mode: str) -> Any:
    """One axis continued by its outermost element, or from its other end."""
    size = x.shape[axis] if x.shape[axis] is not None else tf.shape(x)[axis]
    places = tf.range(-begin, size + end)
    picks = tf.clip_by_value(places, 0, size - 1) if mode == "edge" else tf.math.floormod(places, size)
    return tf.gather(x, picks, axis=axis)


def _pad_at_run_time(call: Call, mode: str) -> Any:
    if call.has(3) or mode != "constant":
        raise call.needs_constant(1)
    rows = tf.transpose(tf.reshape(call.tensor(1), [2, call.rank]))
    x = tf.pad(call.tensor(0), tf.gather(rows, call.order), constant_values=_fill(call, call.tensor(0)))
    return call.like(x, dict.fromkeys(range(call.rank)))


OPERATORS: Table = {
    "DepthToSpace": channel_last(_depth_to_space),
    "SpaceToDepth": channel_last(_space_to_depth),
    "Pad": axis_wise(_pad),
}
