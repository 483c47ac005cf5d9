"""Constants, casts, and tensors made from shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, axis_wise, elementwise_call, free, logical
from convertkit.lowering.element_types import tf_type
from convertkit.lowering.faults import Undecided
from convertkit.lowering.narrow import decoded, encoded, narrow_element
from convertkit.lowering.sizes import fixed, is_static, scalar, vector
from convertkit.lowering.value import Value, constant_value, shaped, sizes_value


def _constant(call: Call) -> Value:
    attribute = call.node.attribute[0]
    value = onnx.helper.get_attribute_value(attribute)
    match attribute.name:
        case "value":
            return constant_value(onnx.numpy_helper.to_array(value))
        case "value_float" | "value_floats":
            return Value(np.array(value, np.float32))
        case "value_int" | "value_ints":
            return Value(np.array(value, np.int64))
    raise ValueError(f"a constant of kind '{attribute.name}' is not supported")


def _cast(call: Call) -> Any:
    element = _element(call)
    return _converted(call, narrow_element(element), element)


def _element(call: Call) -> int:
    """The target type; before opset 6 it was a word."""
    stated = call.attribute("to")
    return int(onnx.TensorProto.DataType.Value(stated)) if isinstance(stated, str) else int(stated)


def _converted(call: Call, narrow: Any, element: int | None) -> Any:
    """The first operand in another type; narrow ones go through float32."""
    value, tensor = call.value(0), call.tensor(0)
    if value.narrow is not None and value.narrow != narrow:
        tensor = decoded(tensor, value.narrow)
    if narrow is None:
        return cast(tensor, call.value(1).dtype if element is None else tf_type(element))
    if value.narrow != narrow:
        saturate = bool(call.attribute("saturate", 1))
        tensor = encoded(tensor, narrow, saturate, call.attribute("round_mode", "up"))
    return Value(tensor, value.order, value.shape, narrow=narrow)


def cast(tensor: Any, dtype: Any) -> Any:
    """The tensor in another type; anything but 0 is true."""
    if tensor.dtype == dtype:
        return tensor
    return tf.not_equal(tensor, tf.zeros([], tensor.dtype)) if dtype == tf.bool else tf.cast(tensor, dtype)


def _bit_cast(call: Call) -> Any:
    element = call.attribute("to")
    target, narrow = tf_type(element), narrow_element(element)
    tensor, value = call.tensor(0), call.value(0)
    if target == tf.bool or tensor.dtype == tf.bool:
        return tf.cast(tensor, target)
    return Value(tf.bitcast(tensor, target), value.order, value.shape, narrow=narrow)


def _cast_sizes(call: Call) -> Value:
    dtype = tf_type(_element(call))
    if not dtype.is_integer:
        raise Undecided
    return sizes_value(call.value(0).data, dtype)


def _cast_like(call: Call) -> Any:
    return _converted(call, call.value(1).narrow, None)


def _constant_of_shape(call: Call) -> Any:
    fill = call.attribute("value")
    fill = np.zeros(1, np.float32) if fill is None else onnx.numpy_helper.to_array(fill)
    shape = call.value(0).sizes()
    if shape is None:
        length = call.value(0).shape[0]
        if not isinstance(length, int):
            raise call.needs_constant(0)
        return shaped(tf.fill(tf.cast(call.tensor(0), tf.int32), fill[0]), [None] * length)
    if is_static(shape):
        return np.full(fixed(shape), fill[0])
    return Value(tf.fill(vector(shape), tf.constant(fill[0])), shape=tuple(shape))


def _bound(call: Call, index: int) -> Any:
    sizes = call.value(index).sizes() if call.value(index).is_sizes else None
    return scalar(sizes[0]) if sizes else call.tensor(index)


def _range(call: Call) -> Any:
    dtype = call.value(2).dtype
    start, limit, step = (tf.reshape(tf.cast(_bound(call, index), dtype), []) for index in range(3))
    sizes = [value.sizes() for value in call.values if value is not None]
    result = tf.range(start, limit, step)
    if sizes[0] == [0] and sizes[2] == [1] and sizes[1] is not None and not call.value(1).is_constant:
        return Value(result, shape=(sizes[1][0],))
    return result


def _eye_like(call: Call) -> Any:
    rows, columns = (scalar(size) for size in call.shape)
    dtype = tf_type(call.attribute("dtype")) if call.attribute("dtype") else call.value(0).dtype
    offset = call.attribute("k", 0)
    same = tf.range(columns)[tf.newaxis, :] - tf.range(rows)[:, tf.newaxis] == offset
    return tf.cast(same, dtype)


def _trilu(call: Call) -> Any:
    x, diagonal = call.tensor(0), int(call.array(1).reshape(())) if call.has(1) else 0
    rows, columns = (tf.range(scalar(size)) for size in call.shape[-2:])
    distance = columns[tf.newaxis, :] - rows[:, tf.newaxis]
    kept = distance >= diagonal if call.attribute("upper", 1) else distance <= diagonal
    return call.like(tf.where(kept, x, tf.zeros([], x.dtype)))


def _dropout(call: Call) -> Any:
    x = call.value(0)
    if len(call.node.output) == 1:
        return x
    return [x, tf.ones_like(call.tensor(0), tf.bool)]


def _random_like(draw: Any) -> Any:
    def lower(call: Call) -> Any:
        wanted = call.attribute("dtype")
        dtype = tf_type(wanted) if wanted else call.value(0).dtype if call.has(0) else tf.float32
        shape = tf.shape(call.tensor(0)) if call.has(0) else call.attribute("shape")
        return tf.cast(draw(call, shape), dtype)

    return lower


def _uniform(call: Call, shape: Any) -> Any:
    return tf.random.uniform(shape, call.attribute("low", 0.0), call.attribute("high", 1.0))


def _normal(call: Call, shape: Any) -> Any:
    return tf.random.normal(shape, call.attribute("mean", 0.0), call.attribute("scale", 1.0))


def _bernoulli(call: Call) -> Any:
    x = call.tensor(0)
    dtype = tf_type(call.attribute("dtype")) if call.attribute("dtype") else x.dtype
    return tf.cast(tf.random.uniform(tf.shape(x), dtype=x.dtype) < x, dtype)


OPERATORS: Table = {
    "Constant": free(_constant),
    "Cast": elementwise_call(_cast, sizes=_cast_sizes),
    "BitCast": elementwise_call(_bit_cast),
    "CastLike": elementwise_call(
        _cast_like, data=1, sizes=lambda call: sizes_value(call.value(0).data, call.value(1).dtype)
    ),
    "ConstantOfShape": free(_constant_of_shape, folds=False, sizes=_constant_of_shape),
    "Range": free(_range),
    "EyeLike": logical(_eye_like),
    "Trilu": logical(_trilu),
    "Dropout": axis_wise(_dropout, folds=False),
    "RandomUniform": free(_random_like(_uniform), folds=False),
    "RandomUniformLike": logical(_random_like(_uniform), folds=False),
    "RandomNormal": free(_random_like(_normal), folds=False),
    "RandomNormalLike": logical(_random_like(_normal), folds=False),
    "Bernoulli": elementwise_call(_bernoulli, folds=False),
}
