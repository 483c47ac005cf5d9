"""Operators past the ranks that TensorFlow and TFLite take: axes that are broadcast together become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from convertkit.lowering.sizes import Shape, Size, product, reshape_target, scalar
from convertkit.lowering.value import Value

BROADCASTS = 5
"""Axes that differ: TensorFlow broadcasts no more of them, and TFLite's SELECT_V2 takes no higher rank."""

Operands = list[Value | None]


def merged(values: Operands) -> tuple[Operands, Shape] | None:
    """Operands of one physical order with fewer axes, and the physical shape of their result.

    None where they need it not, or where only a run tells how they broadcast.
    """
    given = [value for value in values if value is not None]
    rank = max((value.rank for value in given), default=0)
    shapes = [_physical(value, rank) for value in given]
    if rank <= BROADCASTS or any(value.is_sizes for value in given):
        return None
    whole = _joined(shapes)
    wide = [shape for shape in shapes if any(size != 1 for size in shape)]
    if whole is None or all(shape == whole for shape in wide):
        return None
    spread = [
        tuple(size == 1 and full != 1 for size, full in zip(each, whole, strict=True)) for each in shapes
    ]
    groups = _groups(spread, whole)
    if len(groups) > BROADCASTS:
        return [value and _flat(value, rank, whole) for value in values], whole
    return [value and _grouped(value, rank, groups) for value in values], whole


def _physical(value: Value, rank: int) -> Shape:
    """The physical shape, ones in front where the rank is lower."""
    return (*[1] * (rank - value.rank), *[value.shape[axis] for axis in value.order])


def _joined(shapes: Sequence[Shape]) -> Shape | None:
    """The shape that all broadcast to; None where two sizes differ that may be equal or 1."""
    joined: list[Size] = []
    for column in zip(*shapes, strict=True):
        sizes = {size for size in column if size != 1}
        if len(sizes) > 1:
            return None
        joined.append(sizes.pop() if sizes else 1)
    return tuple(joined)


def _groups(is_spread: Sequence[tuple[bool, ...]], whole: Shape) -> list[list[int]]:
    """Neighbours that every operand either has or broadcasts; an axis of size 1 goes with any."""
    groups: list[list[int]] = []
    pattern: tuple[bool, ...] | None = None
    for axis, size in enumerate(whole):
        here = None if size == 1 else tuple(spread[axis] for spread in is_spread)
        if groups and (here is None or pattern is None or here == pattern):
            groups[-1].append(axis)
        else:
            groups.append([axis])
        pattern = pattern if here is None else here
    return groups


def _grouped(value: Value, rank: int, groups: list[list[int]]) -> Value:
    shape = _physical(value, rank)
    return _as(value, [product(shape[axis] for axis in group) for group in groups])


def _as(value: Value, sizes: list[Size]) -> Value:
    """A value's physical elements in another shape, that is its logical one as well."""
    target = reshape_target(sizes)
    if value.is_constant:
        return Value(value.data.reshape(target), dtype=value.dtype, narrow=value.narrow)
    return Value(tf.reshape(value.data, target), shape=tuple(sizes), narrow=value.narrow)


def _flat(value: Value, rank: int, whole: Shape) -> Value:
    """All elements of the result in one axis, what is broadcast written out, axis after axis."""
    shape = list(_physical(value, rank))
    if all(size == 1 for size in shape):
        return _as(value, [1])
    data: Any = value.data
    for axis, size in enumerate(whole):
        if shape[axis] == size:
            continue
        before, behind = product(shape[:axis]), product(shape[axis + 1 :])
        data = tf.reshape(data, reshape_target([before, 1, behind]))
        data = tf.tile(data, [1, scalar(size), 1])
        shape[axis] = size
    return Value(tf.reshape(data, [-1]), shape=(product(whole),), narrow=value.narrow)


def restored(tensor: Any, whole: Shape) -> Any:
    """A result in its own physical shape again."""
    return tf.reshape(tensor, reshape_target(whole))
