"""ONNX Runtime's dynamically quantized operators (`com.microsoft`), with the very roundings that it makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, logical
from convertkit.lowering.operators.quantize import dynamic
from convertkit.lowering.operators.recurrent import LSTM_ACTIVATIONS, Layer, lstm


def _centred(call: Call, index: int, zero: int) -> Any:
    """An integer operand minus its zero point, as float32, which counts exactly up to 2^24."""
    x = tf.cast(call.tensor(index), tf.float32)
    return x - tf.cast(call.tensor(zero), tf.float32) if call.has(zero) else x


def rounded(x: Any) -> tuple[Any, Any]:
    """A tensor in steps of its own range, minus the zero point; and the step."""
    y, scale, zero = dynamic(x)
    return tf.clip_by_value(y, 0.0, 255.0) - zero, scale


def _with_bias(call: Call, result: Any, index: int) -> Any:
    return result + call.tensor(index) if call.has(index) else result


def _to_float(call: Call) -> Any:
    """MatMulIntegerToFloat: integers multiplied, then scaled."""
    product = tf.matmul(_centred(call, 0, 4), _centred(call, 1, 5))
    return _with_bias(call, product * (call.tensor(2) * call.tensor(3)), 6)


def _dynamic_matmul(call: Call) -> Any:
    left, scale = rounded(call.tensor(0))
    product = tf.matmul(left, _centred(call, 1, 3))
    return _with_bias(call, product * (scale * call.tensor(2)), 4)


class DynamicLayer(Layer):
    """A recurrent layer whose weights are integers [directions, in, gates · hidden].

    Ranges are of what ONNX Runtime has in its buffers: zeros behind the end of a sequence, and no step behind
    the end of all.
    """

    def seen(self, time: Any, held: list[Any]) -> list[Any]:
        """The hidden state, zeros where a sequence ended before."""
        if self.lengths is None:
            return held
        is_old = tf.expand_dims(time > self.lengths, 1)
        return [tf.where(is_old, tf.zeros([], held[0].dtype), held[0]), *held[1:]]

    def product(self, index: int, number: int) -> Callable[[Any], Any]:
        """The product of what is rounded at each step by its own range."""
        scale, zero = (self.call.tensor(place) for place in ((8, 9) if index == 1 else (10, 11)))
        weights = tf.cast(self.call.tensor(index)[number], tf.float32) - tf.cast(zero[number], tf.float32)
        factor = scale[number]

        def multiplied(x: Any) -> Any:
            if index == 1 and self.lengths is not None:
                is_used = tf.range(tf.shape(x)[0]) < tf.reduce_max(self.lengths)
                x = tf.where(is_used[:, tf.newaxis, tf.newaxis], x, tf.zeros([], x.dtype))
            left, step = rounded(x)
            return tf.matmul(left, weights) * (step * factor)

        return multiplied


def _dynamic_lstm(call: Call) -> list[Any]:
    return lstm(DynamicLayer(call, LSTM_ACTIVATIONS))


OPERATORS: Table = {
    "MatMulIntegerToFloat": logical(_to_float),
    "DynamicQuantizeMatMul": logical(_dynamic_matmul),
    "DynamicQuantizeLSTM": logical(_dynamic_lstm, folds=False),
}
