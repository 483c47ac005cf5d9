"""Matrix products. Transposed operands become flags; a weight keeps its own order."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, free, logical
from convertkit.lowering.shapes import broadcast
from convertkit.lowering.sizes import Shape, Size, is_equal, product, reshape_target
from convertkit.lowering.value import Order, Value, axis_size, expanded, identity

LIMIT = 5  # axes of TFLite's BATCH_MATMUL


def _matmul(call: Call) -> Any:
    left, right = call.value(0), call.value(1)
    if left.rank == 0 or right.rank == 0:
        raise ValueError("a matrix product needs at least one axis on each side")
    if is_equal(left.shape[-1], right.shape[-2 if right.rank > 1 else 0]) is False:
        raise ValueError(f"cannot multiply {list(left.shape)} by {list(right.shape)}")
    if left.rank > 2 and right.rank == 2:
        return _by_matrix(call, left, right)
    if left.rank == 1 or right.rank == 1:
        return _with_vector(call, left.logical(), right.logical())
    return _batched(call, left, right)


def _by_matrix(call: Call, left: Value, right: Value) -> Value:
    """Anything times one matrix: only the last axis has to be last, the others stay where they are."""
    last = left.rank - 1
    if left.order[-1] != last:
        left = left.in_order((*[axis for axis in left.order if axis != last], last))
    matrix, is_flipped = _flagged(right)
    result = tf.matmul(call.tensor_of(left), call.tensor_of(matrix), transpose_b=is_flipped)
    return Value(result, left.order, (*left.shape[:-1], right.shape[-1]))


def _batched(call: Call, left: Value, right: Value) -> Value:
    if max(left.rank, right.rank) > LIMIT and left.shape[:-2] == right.shape[:-2]:
        return _in_one_batch(call, left.logical(), right.logical())
    (a, flip_a), (b, flip_b) = _flagged(left), _flagged(right)
    result = tf.matmul(call.tensor_of(a), call.tensor_of(b), transpose_a=flip_a, transpose_b=flip_b)
    lead: Shape = broadcast([left.shape[:-2], right.shape[:-2]], lambda axis: axis_size(result, axis))
    return Value(result, identity(len(lead) + 2), (*lead, left.shape[-2], right.shape[-1]))


def _in_one_batch(call: Call, left: Value, right: Value) -> Value:
    """The leading axes as one: TFLite multiplies no more than 5 axes."""
    lead = left.shape[:-2]
    sides = [
        tf.reshape(call.tensor_of(side), reshape_target([product(lead), *side.shape[-2:]]))
        for side in (left, right)
    ]
    shape = (*lead, left.shape[-2], right.shape[-1])
    return Value(tf.reshape(tf.matmul(*sides), reshape_target(shape)), shape=shape)


def _flagged(value: Value) -> tuple[Value, bool]:
    """The value in logical order, or with its last two axes exchanged where that moves nothing."""
    flipped: Order = (*range(value.rank - 2), value.rank - 1, value.rank - 2)
    return (value, True) if value.order == flipped else (value.logical(), False)


def _with_vector(call: Call, left: Value, right: Value) -> Any:
    a, b = call.tensor_of(left), call.tensor_of(right)
    if left.rank == 1 and right.rank == 1:
        return tf.reduce_sum(a * b)
    if left.rank == 1:
        shape: tuple[Size, ...] = (*right.shape[:-2], right.shape[-1])
        return Value(tf.squeeze(tf.matmul(expanded(a, 0), b), -2), shape=shape)
    return Value(tf.squeeze(tf.matmul(a, expanded(b, 1)), -1), shape=left.shape[:-1])


def _gemm(call: Call) -> Any:
    left, right = call.value(0), call.value(1)
    left = left.renamed([1, 0]) if call.attribute("transA", 0) else left
    right = right.renamed([1, 0]) if call.attribute("transB", 0) else right
    if is_equal(left.shape[1], right.shape[0]) is False:
        raise ValueError(f"cannot multiply {list(left.shape)} by {list(right.shape)}")
    (a, flip_a), (b, flip_b) = _flagged(left), _flagged(right)
    result = tf.matmul(call.tensor_of(a), call.tensor_of(b), transpose_a=flip_a, transpose_b=flip_b)
    alpha, beta = call.attribute("alpha", 1.0), call.attribute("beta", 1.0)
    if alpha != 1.0:
        result = tf.cast(alpha, result.dtype) * result
    if call.has(2):
        bias = call.tensor_of(_row(call.value(2).logical()))
        result = result + (bias if beta == 1.0 else tf.cast(beta, bias.dtype) * bias)
    return Value(result, shape=(left.shape[0], right.shape[1]))


def _row(bias: Value) -> Value:
    """A bias of one row as a vector: TensorFlow's optimizer takes no other for a fused one."""
    if bias.rank != 2 or bias.shape[0] != 1:
        return bias
    if bias.is_constant:
        return Value(bias.data.reshape(-1))
    return Value(tf.squeeze(bias.data, 0), shape=bias.shape[1:])


def _determinant(call: Call) -> Any:
    """Small ones by their formula: TFLite has no kernel for determinants."""
    x = call.tensor(0)
    if x.shape[-1] not in (2, 3):
        return tf.linalg.det(x)
    rows = [tf.unstack(row, axis=-1) for row in tf.unstack(x, axis=-2)]
    if len(rows) == 2:
        return rows[0][0] * rows[1][1] - rows[0][1] * rows[1][0]
    total = tf.zeros([], x.dtype)
    for column in range(3):
        left, right = (column + 1) % 3, (column + 2) % 3
        minor = rows[1][left] * rows[2][right] - rows[1][right] * rows[2][left]
        total = total + rows[0][column] * minor
    return total


OPERATORS: Table = {
    "Det": logical(_determinant),
    "MatMul": free(_matmul),
    "Gemm": free(_gemm),
}
