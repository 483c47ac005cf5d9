"""Reshape and its kin. A reshape that splits or joins neighbouring axes keeps a permuted order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, free
from convertkit.lowering.geometry.factors import arranged, factors
from convertkit.lowering.sizes import Expr, Size, divide, fixed, is_equal, product, reshape_target
from convertkit.lowering.transposes import transposed
from convertkit.lowering.value import Value, shaped


def reshaped(call: Call, value: Value, shape: Sequence[Size]) -> Value:
    """The value in another logical shape, with as little movement as possible."""
    target = tuple(shape)
    if value.is_sizes or value.is_constant:
        data = value.logical().data.reshape(fixed(target))
        return Value(data, dtype=value.dtype)
    if len(target) == value.rank and all(is_equal(a, b) for a, b in zip(target, value.shape, strict=True)):
        return value
    found = factors(value.shape, target) if value.is_permuted else None
    if found is None:
        return Value(tf.reshape(value.logical().data, reshape_target(target)), shape=target)
    lying, wanted, order = arranged(found, value.order)
    tensor = value.data
    if lying != wanted:
        if len(lying) != value.rank:
            tensor = tf.reshape(tensor, reshape_target(found.sizes[number] for number in lying))
        sizes = [found.sizes[number] for number in lying]
        tensor = transposed(tensor, sizes, [lying.index(number) for number in wanted])
    return Value(tf.reshape(tensor, reshape_target(target[axis] for axis in order)), order, target)


def resolved(call: Call, target: Sequence[Size], keeps_zero: bool) -> list[Size]:
    """The target of a Reshape with its zeros (copied sizes) and its -1 (the rest) filled in.

    Raises:
        ValueError: the number of elements contradicts the target.
    """
    sizes = list(target)
    for axis, size in enumerate(sizes):
        if size == 0 and not keeps_zero:
            sizes[axis] = call.shape[axis]
    total = product(call.shape)
    rest = [axis for axis, size in enumerate(sizes) if size == -1]
    if len(rest) == 1:
        known = product(size for size in sizes if size != -1)
        sizes[rest[0]] = 0 if known == 0 else _quotient(call, total, sizes)
    elif is_equal(total, product(sizes)) is False:
        raise ValueError(f"cannot reshape {list(call.shape)} to {list(target)}")
    return sizes


def _quotient(call: Call, total: Size, sizes: Sequence[Size]) -> Size:
    """What -1 stands for: common sizes cancel first, so that equal sizes stay equal."""
    left, right = list(call.shape), [size for size in sizes if size != -1]
    for size in list(right):
        if size in left:
            left.remove(size)
            right.remove(size)
    upper, lower = product(left), product(right)
    if isinstance(total, int) and isinstance(lower, int) and (lower == 0 or upper % lower != 0):
        raise ValueError(f"cannot reshape {list(call.shape)} to {list(sizes)}")
    return divide(upper, lower)


def _reshape(call: Call) -> Any:
    value = call.value(0)
    target = call.attribute("shape") if call.opset < 5 else call.value(1).sizes()
    if target is None:
        return _reshape_at_run_time(call)
    return reshaped(call, value, resolved(call, target, bool(call.attribute("allowzero", 0))))


def _reshape_at_run_time(call: Call) -> Any:
    target = tf.cast(call.tensor(1), tf.int32)
    length = target.shape[0]
    if length is None:
        raise call.needs_constant(1)
    tensor = call.tensor_of(call.value(0).logical())
    if not call.attribute("allowzero", 0):
        source = tf.shape(tensor)[:length]
        padded = tf.concat([source, tf.ones([length - min(length, call.rank)], tf.int32)], 0)
        target = tf.where(target == 0, padded, target)
    return shaped(tf.reshape(tensor, target), [None] * length)


def _flatten(call: Call) -> Value:
    axis = call.attribute("axis", 1)
    axis = axis + call.rank if axis < 0 else axis
    return reshaped(call, call.value(0), [product(call.shape[:axis]), product(call.shape[axis:])])


def _unsqueeze(call: Call) -> Value:
    value = call.value(0)
    axes = call.integers(1, "axes") or []
    rank = value.rank + len(axes)
    places = {axis % rank if -rank <= axis < rank else _refuse(axis, rank) for axis in axes}
    rest = iter(value.shape)
    shape = [1 if axis in places else next(rest) for axis in range(rank)]
    return _with_ones(call, value, shape, [axis for axis in range(rank) if axis not in places])


def _squeeze(call: Call) -> Value:
    value = call.value(0)
    axes = call.integers(1, "axes")
    if axes is None:
        axes = [axis for axis, size in enumerate(value.shape) if size == 1]
    places = {
        axis % value.rank if -value.rank <= axis < value.rank else _refuse(axis, value.rank) for axis in axes
    }
    wrong = [axis for axis in places if is_equal(value.shape[axis], 1) is False]
    if wrong:
        raise ValueError(f"axis {wrong[0]} to be squeezed has size {value.shape[wrong[0]]}")
    kept = [axis for axis in range(value.rank) if axis not in places]
    if value.is_tensor:
        order = tuple(kept.index(axis) for axis in value.order if axis in kept)
        gone = [place for place, axis in enumerate(value.order) if axis in places]
        tensor = tf.squeeze(value.data, gone) if gone else value.data
        return Value(tensor, order, tuple(value.shape[axis] for axis in kept))
    return reshaped(call, value, [value.shape[axis] for axis in kept])


def _with_ones(call: Call, value: Value, shape: list[Size], kept: list[int]) -> Value:
    """The value with more axes of size 1, each beside the axis that it precedes."""
    if not value.is_tensor:
        return reshaped(call, value, shape)
    order: list[int] = [kept[axis] for axis in value.order]
    for axis in range(len(shape) - 1, -1, -1):
        if axis not in kept:
            after = axis + 1
            order.insert(order.index(after) if after in order else len(order), axis)
    free_sizes = sum(isinstance(size, Expr) for size in shape)
    tensor = value.data
    if free_sizes <= 1:
        tensor = tf.reshape(tensor, reshape_target(shape[axis] for axis in order))
    else:
        for place, axis in enumerate(order):
            if axis not in kept:
                tensor = tf.expand_dims(tensor, place)
    return Value(tensor, tuple(order), tuple(shape))


def _refuse(axis: int, rank: int) -> int:
    raise ValueError(f"axis {axis} is out of range for rank {rank}")


def _transpose(call: Call) -> Value:
    value = call.value(0)
    axes = call.attribute("perm") or list(range(value.rank))[::-1]
    if sorted(axes) != list(range(value.rank)):
        raise ValueError(f"perm {axes} is not a permutation of {value.rank} axes")
    if value.is_sizes:
        return Value(np.transpose(value.data, axes), dtype=value.dtype)
    return value.renamed(axes)


def _identity(call: Call) -> Value:
    return call.value(0)


OPERATORS: Table = {
    "Reshape": free(_reshape, sizes=_reshape, folds=False),
    "Flatten": free(_flatten, sizes=_flatten, folds=False),
    "Unsqueeze": free(_unsqueeze, sizes=_unsqueeze, folds=False),
    "Squeeze": free(_squeeze, sizes=_squeeze, folds=False),
    "Transpose": free(_transpose, sizes=_transpose, folds=False),
    "Identity": free(_identity, sizes=_identity, folds=False),
}
