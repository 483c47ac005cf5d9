"""Half precision computed in float32 and rounded where it is seen: once, not after every operator.

So do ONNX Runtime and hardware with half units, and TensorFlow is faster so on a CPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.value import Value

HALVES = (tf.float16, tf.bfloat16)

COMPUTES = (
    "Abs Add AveragePool BatchNormalization Clip Conv ConvTranspose Cos Div Einsum Elu Erf Exp Gelu "
    "Gemm GlobalAveragePool GroupNormalization HardSigmoid HardSwish InstanceNormalization "
    "LayerNormalization LeakyRelu Log LogSoftmax MatMul Max MaxPool Mean Min Mish Mul Neg PRelu Pow "
    "Reciprocal ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceSum ReduceSumSquare "
    "Relu Resize RMSNormalization Sigmoid Sin Softmax Softplus Sqrt Sub Sum Swish Tanh"
)
"""Operators that round their results: in float32 they do not."""

MOVES = (
    "Cast Concat Expand Flatten Gather Identity Pad Reshape Slice Split Squeeze Tile Transpose "
    "Unsqueeze Where"
)
"""Operators that hand on what is not rounded yet."""


def is_half(value: Value | None) -> bool:
    """True for a tensor or constant of half precision."""
    return value is not None and not value.is_sizes and value.narrow is None and value.dtype in HALVES


def widens(name: str, values: list[Value | None]) -> bool:
    """True where an operator is computed in float32: it rounds, or moves what is not rounded yet."""
    halves = [value for value in values if value is not None and is_half(value)]
    if name in MOVES.split():
        return any(value.wide is not None for value in halves)
    return name in COMPUTES.split() and any(value.is_tensor for value in halves)


def wide(value: Value | None) -> Value | None:
    """An operand in float32: what it was before it was rounded, where that is known."""
    if value is None or not is_half(value):
        return value
    if value.wide is not None:
        return value.wide
    if value.is_constant:
        return Value(np.asarray(value.data, np.float32), value.order, value.shape)
    return Value(tf.cast(value.data, tf.float32), value.order, value.shape)


def halved(value: Value, dtype: Any) -> Value:
    """A result in half precision that remembers what it was."""
    if value.is_constant or value.is_sizes or value.dtype != tf.float32:
        return value
    result = Value(tf.cast(value.data, dtype), value.order, value.shape)
    result.wide = result.rounds = value
    return result


def note_rounding(name: str, values: list[Value | None], results: list[Value]) -> None:
    """Have the result of a Cast from float32 to half precision remember what it rounds."""
    before, after = values[0] if values else None, results[0]
    if name == "Cast" and before is not None and is_half(after) and after.is_tensor and not before.is_sizes:
        after.rounds = before if before.is_tensor and before.dtype == tf.float32 else None
