"""ONNX's element types as TensorFlow's."""

from __future__ import annotations

from typing import Any

import onnx
import tensorflow as tf

from convertkit.lowering.narrow import carrier, narrow_element

TYPES = {
    getattr(onnx.TensorProto, name): tf.as_dtype(name.lower())
    for name in ("UINT8", "INT8", "UINT16", "INT16", "UINT32", "INT32", "UINT64", "INT64", "BOOL", "BFLOAT16")
}
TYPES |= {
    onnx.TensorProto.FLOAT: tf.float32,
    onnx.TensorProto.DOUBLE: tf.float64,
    onnx.TensorProto.FLOAT16: tf.float16,
}


def tf_type(element: int) -> Any:
    """The TensorFlow type of an ONNX element type, or of what carries it.

    Raises:
        ValueError: TensorFlow has no such type.
    """
    narrow = narrow_element(element)
    if narrow is not None:
        return carrier(narrow)
    if element not in TYPES:
        raise ValueError(f"element type {onnx.TensorProto.DataType.Name(element)} is not supported")
    return TYPES[element]
