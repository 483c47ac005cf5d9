"""Shapes as values, and operators that cut, join, repeat and pad along axes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, axis_wise, free
from convertkit.lowering.faults import Undecided
from convertkit.lowering.geometry.tiling import lengthened
from convertkit.lowering.repeats import repeated
from convertkit.lowering.shapes import broadcast
from convertkit.lowering.sizes import Expr, Size, fixed, is_equal, is_static, product, scalar, vector
from convertkit.lowering.value import Value, shaped, sizes_value

INT_MAX = 2**31 - 1


def _shape(call: Call) -> Value:
    start, end = call.attribute("start", 0), call.attribute("end", call.rank)
    return sizes_value(list(call.shape[start:end]))


def _size(call: Call) -> Value:
    return sizes_value(product(call.shape))


def _concat(call: Call) -> Any:
    axis = call.number(call.attribute("axis", 1 if call.opset < 4 else 0))
    if len(call.values) == 1:
        return call.value(0)
    values = [value for value in call.values if value is not None]
    result = tf.concat(call.tensors(), call.axis(axis))
    total: Size = 0
    for value in values:
        total = (
            value.shape[axis] + total if isinstance(value.shape[axis], Expr) else total + value.shape[axis]
        )
    shape = list(call.shape)
    for place in range(call.rank):
        shape[place] = next((v.shape[place] for v in values if isinstance(v.shape[place], int)), shape[place])
    shape[axis] = total
    return Value(result, call.order, tuple(shape))


def _concat_sizes(call: Call) -> Value:
    parts = [value.data.astype(object) for value in call.values if value is not None]
    return sizes_value(np.concatenate(parts, call.attribute("axis", 0)), call.value(0).dtype)


def _split(call: Call) -> list[Value]:
    axis = call.number(call.attribute("axis", 0))
    total = call.shape[axis]
    count = len(call.node.output)
    sizes: list[Size]
    if call.attribute("split") is not None or call.has(1):
        sizes = list(call.integers(1, "split") or [])
    elif isinstance(total, int):
        step = -(-total // count)
        sizes = [min(step, max(total - step * place, 0)) for place in range(count)]
    else:
        sizes = [total // count] * count
    if isinstance(total, int) and is_static(sizes) and sum(fixed(sizes)) != total:
        raise ValueError(f"sizes {sizes} do not add up to {total}")
    if call.value(0).dtype in (tf.int64, tf.bool) and is_static(sizes):  # TFLite splits neither
        parts = _pieces(call.tensor(0), sizes, call.axis(axis))
    else:
        parts = tf.split(call.tensor(0), vector(sizes) if len(set(sizes)) > 1 else count, call.axis(axis))
    return [call.like(part, {axis: size}) for part, size in zip(parts, sizes, strict=True)]


def _pieces(x: Any, sizes: list[Any], place: int) -> list[Any]:
    starts = np.cumsum([0, *sizes])
    lead = (slice(None),) * place
    return [x[(*lead, slice(int(a), int(b)))] for a, b in itertools.pairwise(starts)]


def _split_sizes(call: Call) -> list[Value]:
    lengths = call.integers(1, "split") or [len(call.value(0).data) // len(call.node.output)] * len(
        call.node.output
    )
    parts = np.split(call.value(0).data, np.cumsum(lengths)[:-1])
    return [sizes_value(part, call.value(0).dtype) for part in parts]


def _bounds(call: Call) -> tuple[list[Size], list[Size], list[int], list[int]]:
    """starts, ends, axes, steps of a Slice, from attributes or operands."""
    if call.opset < 10:
        starts, ends = call.attribute("starts"), call.attribute("ends")
        return starts, ends, call.attribute("axes") or list(range(len(starts))), [1] * len(starts)
    starts, ends = call.sizes(1), call.sizes(2)
    axes = call.integers(3) or list(range(len(starts)))
    steps = call.integers(4) or [1] * len(starts)
    return starts, ends, axes, steps


def _slice(call: Call) -> Any:
    if call.opset >= 10 and any(call.has(i) and call.value(i).is_tensor for i in (1, 2)):
        return _slice_at_run_time(call)
    spec: list[Any] = [slice(None)] * call.rank
    changed: dict[int, Size | None] = {}
    for start, end, axis, step in zip(*_bounds(call), strict=True):
        axis = call.number(axis)
        size = call.shape[axis]
        if step == 1 and start == 0 and _is_at_least(end, size):
            continue
        first, last, length = _span(start, end, step, size)
        changed[axis] = length
        if isinstance(length, int) and length == 0:
            first, last, step = 0, 0, 1
        spec[call.axis(axis)] = slice(_place(first), _place(last), step)
    if not changed:
        return call.value(0)
    return call.like(call.tensor(0)[tuple(spec)], changed)


def _place(bound: Size | None) -> Any:
    return None if bound is None else scalar(bound)


def _is_at_least(end: Size, size: Size) -> bool:
    if isinstance(end, int):
        return end >= (size if isinstance(size, int) else INT_MAX)
    return is_equal(end, size) is True


def _span(start: Size, end: Size, step: int, size: Size) -> tuple[Size | None, Size | None, Size | None]:
    """First and last bound as Python's slice takes them, and the length where it can be told."""
    if isinstance(start, int) and isinstance(end, int) and isinstance(size, int):
        first, last, step = slice(_clamped(start), _clamped(end), step).indices(size)
        if step < 0 and last < 0:
            return first, None, len(range(first, last, step))
        return first, last, len(range(first, last, step))
    open_end = (isinstance(end, int) and abs(end) >= INT_MAX) or is_equal(end, size) is True
    if isinstance(start, int) and start >= INT_MAX and step < 0:
        start_bound: Size | None = None
    else:
        start_bound = _clamped(start) if isinstance(start, int) else start
    length: Size | None = None
    if step == 1 and isinstance(start, int) and abs(start) < INT_MAX:
        if open_end:
            length = size - start if start >= 0 else -start
        elif isinstance(end, int) and (start < 0) == (end < 0):
            length = end - start
        elif isinstance(end, int) and end < 0 <= start:
            length = size + end - start
    if step == 1 and start == 0 and isinstance(end, Expr):
        length = end
    if length is not None and not _is_safe(start, end, size, open_end):
        length = None
    return start_bound, None if open_end else end, length


def _is_safe(start: Size, end: Size, size: Size, open_end: bool) -> bool:
    """Whether no bound can lie outside an axis of unknown size, as exporters write them."""
    return isinstance(size, Expr) and (
        open_end or isinstance(end, Expr) or (isinstance(end, int) and end < 0)
    )


def _clamped(bound: int) -> int:
    return max(-INT_MAX, min(INT_MAX, bound))


def _slice_at_run_time(call: Call) -> Any:
    axes = [call.number(axis) for axis in (call.integers(3) or range(fixed(call.value(1).shape)[0]))]
    steps = call.integers(4) or [1] * len(axes)
    starts, ends = (tf.cast(tf.clip_by_value(call.tensor(i), -INT_MAX, INT_MAX), tf.int32) for i in (1, 2))
    spec: list[Any] = [slice(None)] * call.rank
    for place, (axis, step) in enumerate(zip(axes, steps, strict=True)):
        spec[call.axis(axis)] = slice(starts[place], ends[place], step)
    return call.like(call.tensor(0)[tuple(spec)], dict.fromkeys(axes))


def _slice_sizes(call: Call) -> Value:
    if any(call.has(i) and call.value(i).is_sizes for i in range(1, 5)) or call.value(0).rank != 1:
        raise Undecided
    starts, ends, _, steps = _bounds(call)
    start, end = fixed([starts[0], ends[0]])
    part = call.value(0).data[slice(_clamped(start), _clamped(end), steps[0])]
    return sizes_value(part, call.value(0).dtype)


def _expand(call: Call) -> Any:
    target = call.value(1).sizes()
    value = call.value(0)
    if target is None:
        return _expand_at_run_time(call)
    if value.is_sizes:
        return sizes_value(np.broadcast_to(value.data, np.broadcast_shapes(value.data.shape, fixed(target))))
    shape = broadcast([value.shape, tuple(target)], lambda axis: -1)
    shape = _widest(value.shape, tuple(target), shape)
    if len(shape) == value.rank and all(is_equal(a, b) for a, b in zip(shape, value.shape, strict=True)):
        return value
    value = value if len(shape) == value.rank else value.logical()
    return repeated(value, call.tensor_of(value), shape)


def _widest(source: tuple[Size, ...], target: tuple[Size, ...], shape: tuple[Size, ...]) -> tuple[Size, ...]:
    """Where two sizes differ and neither is known to be 1: an Expand's target says what comes out."""
    known = [*source[: len(shape) - len(target)], *target]
    return tuple(known[axis] if size == -1 else size for axis, size in enumerate(shape))


def _expand_at_run_time(call: Call) -> Any:
    tensor, target = call.tensor_of(call.value(0).logical()), tf.cast(call.tensor(1), tf.int32)
    length = target.shape[0]
    if length is None:
        raise call.needs_constant(1)
    shape = tf.broadcast_dynamic_shape(tf.shape(tensor), target)
    return shaped(tf.broadcast_to(tensor, shape), [None] * max(length, call.rank))


def _tile(call: Call) -> Any:
    repeats = call.value(1).sizes()
    if repeats is None:
        return tf.tile(call.tensor_of(call.value(0).logical()), tf.cast(call.tensor(1), tf.int32))
    x, counts, sizes = call.tensor(0), list(repeats), [call.shape[axis] for axis in call.order]
    for place, axis in enumerate(call.order):
        if isinstance(sizes[place], Expr) and counts[axis] != 1:
            x, counts[axis] = lengthened(x, sizes, place, counts[axis]), 1
    if any(count != 1 for count in counts):
        x = tf.tile(x, vector([counts[axis] for axis in call.order]))
    return Value(x, call.order, tuple(product(pair) for pair in zip(call.shape, repeats, strict=True)))


OPERATORS: Table = {
    "Shape": free(_shape, folds=False, sizes=_shape),
    "Size": free(_size, folds=False, sizes=_size),
    "Concat": axis_wise(_concat, data=None, sizes=_concat_sizes),
    "Split": axis_wise(_split, sizes=_split_sizes),
    "Slice": axis_wise(_slice, sizes=_slice_sizes),
    "Expand": free(_expand),
    "Tile": axis_wise(_tile),
}
