"""Bringing the operands of a node to the axis orders that its operator asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Acts, Operator
from convertkit.lowering.sizes import Expr, Size, reshape_target
from convertkit.lowering.value import Order, Value, channels_last, identity

Operands = list[Value | None]


def arrange(operator: Operator, values: Operands) -> Operands:
    """The operands in the orders that the operator asks for."""
    data = len(values) if operator.data is None else operator.data
    match operator.acts:
        case Acts.FREE:
            return values
        case Acts.LOGICAL:
            return [value and value.logical() for value in values]
        case Acts.ELEMENTWISE:
            return [*_aligned(values[:data]), *values[data:]]
        case Acts.CHANNELS_LAST:
            return [*[v and v.in_order(channels_last(v.rank)) for v in values[:data]], *values[data:]]
        case Acts.AXIS_WISE:
            order = common_order([value for value in values[:data] if value is not None])
            return [*[v and v.in_order(order) for v in values[:data]], *values[data:]]


def with_broadcast_axis(node: onnx.NodeProto, values: Operands) -> Operands:
    """Before opset 7 an attribute said at which axis the second operand lies; it gets ones behind it."""
    axis = next((a.i for a in node.attribute if a.name == "axis"), None)
    if not any(a.name == "broadcast" and a.i for a in node.attribute) or axis is None or len(values) != 2:
        return values
    first, second = values
    if first is None or second is None:
        return values
    ones = first.rank - axis % first.rank - second.rank
    if ones <= 0:
        return values
    value = second.logical()
    shape = (*value.shape, *[1] * ones)
    if value.is_constant:
        return [first, Value(value.data.reshape(shape), dtype=value.dtype)]
    return [first, Value(value.data[(..., *[tf.newaxis] * ones)], shape=shape)]


def common_order(values: Sequence[Value]) -> Order:
    """The order of the highest rank that moves the fewest elements; a permuted one on a tie."""
    rank = max(value.rank for value in values)
    present = [value for value in values if value.is_tensor and value.rank == rank]
    orders = sorted({value.order for value in present}, key=lambda order: order == identity(rank))
    if not orders:
        return identity(rank)
    return min(orders, key=lambda order: sum(_weight(v) for v in present if v.order != order))


def _weight(value: Value) -> int:
    """The number of elements, unknown sizes taken as 8."""
    return int(np.prod([size if isinstance(size, int) else 8 for size in value.shape]))


def _aligned(values: Operands) -> Operands:
    """The operands so that NumPy's broadcasting of the physical tensors is ONNX's of the logical ones."""
    given = [value for value in values if value is not None]
    if not given:
        return values
    order = common_order(given)
    full = any(value.is_tensor and value.rank == len(order) for value in given)
    return [value and _aligned_one(value, order, full) for value in values]


def _aligned_one(value: Value, order: Order, full: bool) -> Value:
    rank = len(order)
    if value.is_sizes or value.rank == 0:
        return value
    lead = rank - value.rank
    if value.is_tensor and lead and not value.is_permuted and order[lead:] == tuple(range(lead, rank)):
        return value  # broadcasting adds the leading axes
    wide = _widened(value, lead).in_order(order)
    if value.is_constant and full:
        return _stripped(wide)
    return wide


def _widened(value: Value, lead: int) -> Value:
    """The value with `lead` leading axes of size 1."""
    if not lead:
        return value
    order = (*range(lead), *(axis + lead for axis in value.order))
    shape: tuple[Size, ...] = (*[1] * lead, *value.shape)
    if value.is_constant:
        return Value(value.data.reshape((*[1] * lead, *value.data.shape)), order, shape, value.dtype)
    free = sum(isinstance(size, Expr) for size in shape)
    if free <= 1:
        data: Any = tf.reshape(value.data, reshape_target(shape[axis] for axis in order))
    else:
        data = value.data[(tf.newaxis,) * lead]
    return Value(data, order, shape, value.dtype)


def _stripped(value: Value) -> Value:
    """A constant without its leading physical axes of size 1, as a bias is in channels-last order."""
    shape = value.data.shape
    ones = next((axis for axis, size in enumerate(shape) if size != 1), len(shape))
    return Value(value.data.reshape(shape[ones:]), dtype=value.dtype)


def beside(call: Call, value: Value) -> Any:
    """A further operand as a tensor that broadcasts against the first one in its physical order."""
    return call.tensor_of(_aligned_one(value, call.order, full=True))
