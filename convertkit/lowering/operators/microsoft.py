"""ONNX Runtime's own operators (`com.microsoft`) as its optimizers leave them: two of ONNX's in one."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, channel_last, elementwise_call, free, logical
from convertkit.lowering.value import Value, squared

CONVOLVES = ("group", "pads", "auto_pad", "strides", "dilations", "kernel_shape")
MULTIPLIES = ("alpha", "beta", "transA", "transB")
PARAMETERS = {
    "LeakyRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "ThresholdedRelu": ("alpha",),
    "Elu": ("alpha",),
    "ScaledTanh": ("alpha", "beta"),
}


def number(value: float, like: Value) -> Value:
    """A constant of a value's type."""
    return Value(np.asarray(value, like.numpy_type))


def given(call: Call, names: tuple[str, ...]) -> dict[str, Any]:
    """Those of the node's attributes that are set."""
    found = {name: call.attribute(name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def added(call: Call, value: Value, index: int) -> Value:
    """The value plus an operand, where that is given."""
    return call.scope.apply("Add", [value, call.value(index)]) if call.has(index) else value


def _matmul(call: Call) -> Value:
    sides = [_turned(call, index, side) for index, side in enumerate("AB")]
    result = call.scope.apply("MatMul", sides)
    alpha = call.attribute("alpha", 1.0)
    return result if alpha == 1.0 else call.scope.apply("Mul", [result, number(alpha, result)])


def _turned(call: Call, index: int, side: str) -> Value:
    """An operand with its last two axes exchanged, or its first one moved before the last."""
    value = call.value(index)
    if call.attribute(f"transBatch{side}", 0) and value.rank > 2:
        value = value.renamed([*range(1, value.rank - 1), 0, value.rank - 1])
    if call.attribute(f"trans{side}", 0) and value.rank > 1:
        value = value.renamed([*range(value.rank - 2), value.rank - 1, value.rank - 2])
    return value


def activated(call: Call, value: Value, parameters: dict[str, float]) -> Value:
    """The activation that a fused node names, its parameters by their ONNX names.

    Raises:
        ValueError: it takes other parameters than these.
    """
    name = call.attribute("activation", "")
    if not name:
        return value
    if name == "Clip":
        bounds = [number(parameters[bound], value) for bound in ("min", "max")]
        return call.scope.apply("Clip", [value, *bounds])
    wanted = {key: parameters[key] for key in PARAMETERS.get(name, ()) if key in parameters}
    return call.scope.apply(name, [value], **wanted)


def _fused_gemm(call: Call) -> Value:
    operands = [value for value in call.values if value is not None]
    result = call.scope.apply("Gemm", operands, **given(call, MULTIPLIES))
    names = {"alpha": "activation_alpha", "beta": "activation_beta", "gamma": "activation_gamma"}
    return activated(
        call, result, {k: call.attribute(v) for k, v in names.items() if call.attribute(v) is not None}
    )


def _fused_conv(call: Call) -> Value:
    result = call.scope.apply("Conv", call.values[:3], **given(call, CONVOLVES))
    result = added(call, result, 3)
    stated = call.attribute("activation_params") or []
    names = ("min", "max") if call.attribute("activation", "") == "Clip" else ("alpha", "beta")
    return activated(call, result, dict(zip(names, stated, strict=False)))


def _nhwc_conv(call: Call) -> Value:
    """Channels are last in the source itself: its axes are renamed, and nothing moves."""
    rank = call.rank
    first = call.value(0).renamed([0, rank - 1, *range(1, rank - 1)])
    result = call.scope.apply("Conv", [first, *call.values[1:3]], **given(call, CONVOLVES))
    return result.renamed([0, *range(2, rank), 1])


def _skip_layer(call: Call, scale: int, bias: int | None, extra: int, kind: str) -> list[Value]:
    """Layer normalization of a sum, and that sum."""
    total = added(call, call.scope.apply("Add", [call.value(0), call.value(1)]), extra)
    operands = [total, call.value(scale)]
    if bias is not None and call.has(bias):
        operands.append(call.value(bias))
    epsilon = call.attribute("epsilon", 1e-12 if kind == "LayerNormalization" else 1e-5)
    normal = call.scope.apply(kind, operands, axis=-1, epsilon=epsilon)
    x = tf.cast(call.tensor_of(total.logical()), tf.float32)
    mean = tf.reduce_mean(x, -1, keepdims=True)
    if kind != "LayerNormalization":
        mean = tf.zeros_like(mean)
    centred = x - mean
    inverse = tf.math.rsqrt(tf.reduce_mean(squared(centred), -1, keepdims=True) + epsilon)
    shape = (*total.shape[:-1], 1)
    results = [normal, Value(mean, shape=shape), Value(inverse, shape=shape), total]
    return results[: len(call.node.output)]


def _fast_gelu(call: Call) -> Value:
    return call.scope.apply("Gelu", [added(call, call.value(0), 1)], approximate="tanh")


def _bias_gelu(call: Call) -> Value:
    return call.scope.apply("Gelu", [added(call, call.value(0), 1)])


def _quick_gelu(call: Call) -> Any:
    x = call.tensor(0)
    return x * tf.sigmoid(tf.cast(call.attribute("alpha", 1.702), x.dtype) * x)


def _embedded(call: Call) -> list[Value]:
    """Words, places and segments, looked up, added and normalized."""
    apply = call.scope.apply
    total = apply("Gather", [call.value(2), call.value(0)])
    total = apply("Add", [total, _places(call)])
    if call.has(1) and call.has(4):
        total = apply("Add", [total, apply("Gather", [call.value(4), call.value(1)])])
    normal = apply(
        "LayerNormalization",
        [total, call.value(5), call.value(6)],
        axis=-1,
        epsilon=call.attribute("epsilon", 1e-12),
    )
    batch = call.shape[:1]
    if call.has(7):
        counts: Any = tf.reduce_sum(tf.cast(call.tensor(7), tf.int32), 1)
    else:
        counts = tf.zeros_like(tf.cast(call.tensor(0)[:, 0], tf.int32))
    return [normal, Value(counts, shape=batch), total][: len(call.node.output)]


def _places(call: Call) -> Value:
    """The embedding of each position, which is its number unless the node is told otherwise."""
    if call.has(8):
        return call.scope.apply("Gather", [call.value(3), call.value(8)])
    length = call.shape[1]
    table = call.tensor(3)
    if isinstance(length, int):
        return Value(table[:length])
    return Value(table[: tf.shape(call.tensor(0))[1]], shape=(length, *call.value(3).shape[1:]))


OPERATORS: Table = {
    "FusedMatMul": free(_matmul),
    "FusedGemm": free(_fused_gemm),
    "FusedConv": channel_last(_fused_conv),
    "NhwcConv": free(_nhwc_conv),
    "SkipLayerNormalization": free(lambda call: _skip_layer(call, 2, 3, 4, "LayerNormalization")),
    "SkipSimplifiedLayerNormalization": free(lambda call: _skip_layer(call, 2, None, 3, "RMSNormalization")),
    "EmbedLayerNormalization": logical(_embedded),
    "FastGelu": free(_fast_gelu),
    "BiasGelu": free(_bias_gelu),
    "Gelu": free(_bias_gelu),
    "QuickGelu": elementwise_call(_quick_gelu),
}
