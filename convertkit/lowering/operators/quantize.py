"""Quantized ONNX: QuantizeLinear, DequantizeLinear, the QLinear and Integer operators, exactly."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, axis_wise, channel_last, logical
from convertkit.lowering.element_types import tf_type
from convertkit.lowering.narrow import CODED, clipped, decoded, encoded, narrow_element
from convertkit.lowering.operators.convolution import convolve
from convertkit.lowering.sizes import scalar
from convertkit.lowering.value import Value


def _laid(call: Call, index: int) -> Any:
    """A scale or zero point, laid so that it broadcasts against the first operand."""
    value = call.value(index)
    if value.rank == 0 or value.shape == (1,):
        return tf.reshape(call.tensor(index), [])
    block = call.attribute("block_size", 0)
    if block:
        axis = call.number(call.attribute("axis", 1))
        wide = tf.repeat(call.tensor_of(value.in_order(call.order)), block, call.axis(axis))
        spec: list[Any] = [slice(None)] * call.rank
        spec[call.axis(axis)] = slice(0, scalar(call.shape[axis]))
        return wide[tuple(spec)]
    place = call.axis(call.attribute("axis", 1))
    return tf.reshape(call.tensor(index), [-1, *[1] * (call.rank - 1 - place)])


def _quantize(call: Call) -> Any:
    stated = call.attribute("output_dtype", 0)
    dtype = call.value(2).dtype if call.has(2) else tf_type(stated) if stated else tf.uint8
    narrow = call.value(2).narrow if call.has(2) else narrow_element(stated) if stated else None
    x, scale = call.tensor(0), _laid(call, 1)
    wide = tf.cast(x, tf.float32) / tf.cast(scale, tf.float32)
    if narrow is not None and narrow in CODED:
        codes = encoded(wide, narrow, bool(call.attribute("saturate", 1)))
        return Value(codes, call.order, call.shape, narrow=narrow)
    zero = tf.cast(_laid(call, 2), tf.float32) if call.has(2) else 0.0
    if narrow is not None:
        return Value(clipped(tf.round(wide) + zero, narrow), call.order, call.shape, narrow=narrow)
    return call.like(saturated(tf.round(wide) + zero, dtype))


def saturated(x: Any, dtype: Any) -> Any:
    """Whole numbers clipped to a type's range."""
    return tf.cast(tf.clip_by_value(x, float(dtype.min), float(dtype.max)), dtype)


def _dequantize(call: Call) -> Any:
    scale = _laid(call, 1)
    stated = call.attribute("output_dtype", 0)
    dtype = tf_type(stated) if stated else scale.dtype
    narrow = call.value(0).narrow
    x = call.tensor(0)
    x = tf.cast(decoded(x, narrow) if narrow is not None else x, tf.float32)
    if call.has(2) and narrow not in CODED:
        x = x - tf.cast(_laid(call, 2), tf.float32)
    return call.like(tf.cast(x * tf.cast(scale, tf.float32), dtype))


def _dynamic(call: Call) -> list[Any]:
    y, scale, zero = dynamic(call.tensor(0))
    return [call.like(saturated(y, tf.uint8)), Value(scale), Value(tf.cast(zero, tf.uint8))]


def dynamic(x: Any) -> tuple[Any, Any, Any]:
    """Whole numbers from 0 to 255 for a tensor by its own range, not clipped; their scale and zero point."""
    low, high = tf.minimum(tf.reduce_min(x), 0.0), tf.maximum(tf.reduce_max(x), 0.0)
    scale = (high - low) / 255.0
    zero = tf.clip_by_value(tf.round(-low / tf.where(scale == 0, tf.ones_like(scale), scale)), 0.0, 255.0)
    return tf.round(x / tf.where(scale == 0, tf.ones_like(scale), scale)) + zero, scale, zero


def _centred(call: Call, index: int, zero: int, per_row: bool = False) -> Any:
    """An integer operand minus its zero point, as int32."""
    x = tf.cast(call.tensor(index), tf.int32)
    if not call.has(zero):
        return x
    point = tf.cast(call.tensor(zero), tf.int32)
    if point.shape.rank == 1 and per_row and point.shape[0] != 1:
        point = point[:, tf.newaxis]
    return x - point


EXACT_SUMMANDS = 256  # so many products of two bytes stay below 2^24, where float32 counts exactly


def _product(left: Any, right: Any) -> Any:
    """An integer matrix product; in float32 where that is exact, as TFLite has no other."""
    inner = left.shape[-1]
    if inner is None or inner > EXACT_SUMMANDS:
        return tf.matmul(left, right)
    return tf.cast(tf.matmul(tf.cast(left, tf.float32), tf.cast(right, tf.float32)), tf.int32)


def _matmul_integer(call: Call) -> Any:
    return _product(_centred(call, 0, 2, per_row=True), _centred(call, 1, 3))


def _qlinear_matmul(call: Call) -> Any:
    left = tf.cast(call.tensor(0), tf.int32) - _column(call, 2, tf.int32)
    right = tf.cast(call.tensor(3), tf.int32) - tf.cast(call.tensor(5), tf.int32)
    scale = (
        _column(call, 1, tf.float32)
        * tf.cast(call.tensor(4), tf.float32)
        / tf.cast(call.tensor(6), tf.float32)
    )
    y = tf.round(tf.cast(_product(left, right), tf.float32) * scale)
    dtype = call.value(7).dtype
    return saturated(y + tf.cast(call.tensor(7), tf.float32), dtype)


def _column(call: Call, index: int, dtype: Any) -> Any:
    value = tf.cast(call.tensor(index), dtype)
    return value[:, tf.newaxis] if value.shape.rank == 1 and value.shape[0] != 1 else value


def _integer_convolution(call: Call, weight: int, x_zero: int, w_zero: int) -> Any:
    """Integers up to 2^24 are exact in float32: the products of two bytes summed over a kernel are."""
    x = tf.cast(call.tensor(0), tf.float32)
    if call.has(x_zero):
        x = x - tf.cast(call.tensor(x_zero), tf.float32)
    kernel = call.value(weight).logical()
    data = tf.cast(call.tensor_of(kernel), tf.float32)
    if call.has(w_zero):
        zero = tf.cast(call.tensor(w_zero), tf.float32)
        data = data - (tf.reshape(zero, [-1, *[1] * (kernel.rank - 1)]) if zero.shape.rank == 1 else zero)
    array = tf.get_static_value(data)
    return convolve(call, x, Value(data, shape=kernel.shape) if array is None else Value(array), weight)


def _conv_integer(call: Call) -> Any:
    return tf.cast(_integer_convolution(call, 1, 2, 3), tf.int32)


def _qlinear_conv(call: Call) -> Any:
    sums = _integer_convolution(call, 3, 2, 5)
    if call.has(8):
        sums = sums + tf.cast(call.tensor(8), tf.float32)
    scale = tf.cast(call.tensor(1), tf.float32) * tf.cast(call.tensor(4), tf.float32)
    y = tf.round(sums * (scale / tf.cast(call.tensor(6), tf.float32)))
    return saturated(y + tf.cast(call.tensor(7), tf.float32), call.value(7).dtype)


OPERATORS: Table = {
    "QuantizeLinear": axis_wise(_quantize),
    "DequantizeLinear": axis_wise(_dequantize),
    "DynamicQuantizeLinear": axis_wise(_dynamic),
    "MatMulInteger": logical(_matmul_integer),
    "QLinearMatMul": logical(_qlinear_matmul),
    "ConvInteger": channel_last(_conv_integer),
    "QLinearConv": channel_last(_qlinear_conv),
}
