"""Element types that TensorFlow cannot compute with, carried by one that it can.

Floats of 8 bits and fewer are carried as their codes in uint8; integers of 2 and 4 bits by their numbers.
"""

from __future__ import annotations

import functools
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import tensorflow as tf

CODED = tuple(
    np.dtype(getattr(ml_dtypes, name))
    for name in (
        "float8_e4m3fn",
        "float8_e4m3fnuz",
        "float8_e5m2",
        "float8_e5m2fnuz",
        "float8_e8m0fnu",
        "float4_e2m1fn",
        "float6_e2m3fn",
        "float6_e3m2fn",
    )
)
INTEGERS = tuple(np.dtype(getattr(ml_dtypes, name)) for name in ("int4", "uint4", "int2", "uint2"))
Array = np.ndarray[Any, Any]


def narrow_type(dtype: Any) -> np.dtype[Any] | None:
    """The type itself where it is one of those, else None."""
    dtype = np.dtype(dtype)
    return dtype if dtype in CODED or dtype in INTEGERS else None


def narrow_element(element: int) -> np.dtype[Any] | None:
    """The narrow type of an ONNX element type, None where it is none."""
    try:
        return narrow_type(onnx.helper.tensor_dtype_to_np_dtype(element))
    except (KeyError, TypeError):
        return None


def carrier(dtype: np.dtype[Any]) -> Any:
    """The TensorFlow type that carries a narrow one."""
    return tf.uint8 if dtype in CODED or dtype.name.startswith("u") else tf.int8


def carried(array: Array) -> Array:
    """An array of a narrow type as its carrier; others as they are."""
    dtype = narrow_type(array.dtype)
    if dtype is None:
        return array
    return array.view(np.uint8) if dtype in CODED else array.astype(carrier(dtype).as_numpy_dtype)


def uncarried(array: Array, dtype: np.dtype[Any]) -> Array:
    """The inverse of `carried`."""
    return array.view(dtype) if dtype in CODED else array.astype(dtype)


@functools.cache
def _table(dtype: np.dtype[Any]) -> Array:
    """Code → value."""
    bits = 8 if dtype.itemsize == 1 and "float8" in dtype.name else 4 if "float4" in dtype.name else 6
    codes = np.arange(2**bits, dtype=np.uint8)
    return np.resize(codes.view(dtype).astype(np.float32), 256)


def decoded(tensor: Any, dtype: np.dtype[Any]) -> Any:
    """The numbers that a carrier stands for: float32, or the carrier itself for integers."""
    if dtype in INTEGERS:
        return tensor
    return tf.gather(tf.constant(_table(dtype)), tf.cast(tensor, tf.int32))


def encoded(tensor: Any, dtype: np.dtype[Any], saturate: bool = True, round_mode: str = "up") -> Any:
    """Numbers as the carrier of a narrow type: floats rounded, ties to even; integers cut to their bits."""
    if dtype in INTEGERS:
        bits = int(dtype.name[-1])
        whole = tf.cast(tensor, tf.int32)
        low = 0 if dtype.name.startswith("u") else 2 ** (bits - 1)
        return tf.cast(tf.bitwise.bitwise_and(whole + low, 2**bits - 1) - low, carrier(dtype))
    return _encoded_float(tf.cast(tensor, tf.float32), dtype, saturate, round_mode)


def clipped(tensor: Any, dtype: np.dtype[Any]) -> Any:
    """Whole numbers as the carrier of a narrow integer, clipped to its range."""
    info = ml_dtypes.iinfo(dtype)  # type: ignore[no-untyped-call]
    return tf.cast(tf.clip_by_value(tensor, float(info.min), float(info.max)), carrier(dtype))


def _encoded_float(x: Any, dtype: np.dtype[Any], saturate: bool, round_mode: str) -> Any:
    info = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
    is_signed = dtype.name != "float8_e8m0fnu"
    table = _table(dtype)
    count = len(np.unique(table[np.isfinite(table) & (table >= 0)]))
    values = table[: max(count, 1)].astype(np.float64)
    size = tf.abs(x) if is_signed else x
    codes = tf.searchsorted(
        _boundaries(values, round_mode if not is_signed else "even"), tf.reshape(size, [-1])
    )
    code = tf.cast(tf.reshape(codes, tf.shape(x)), tf.uint8)
    code = _beyond(code, size, dtype, count, saturate)
    if is_signed:
        sign = {8: 0x80, 4: 0x8, 6: 0x20}[info.bits]
        negative = tf.bitcast(x, tf.int32) < 0
        if dtype.name.endswith("uz"):  # these have no negative zero: its code is NaN
            negative &= code > 0
        code = tf.where(negative, tf.bitwise.bitwise_or(code, np.uint8(sign)), code)
    return tf.where(tf.math.is_nan(x), tf.cast(_nan_code(dtype), tf.uint8), code)


def _boundaries(values: Array, round_mode: str) -> Any:
    """Above which number each next code begins."""
    middle = ((values[:-1] + values[1:]) / 2).astype(np.float32)
    if round_mode == "up":
        return tf.constant(values[:-1].astype(np.float32))
    if round_mode == "down":
        return tf.constant(np.nextafter(values[1:].astype(np.float32), np.float32(-np.inf)))
    if round_mode == "nearest":  # ties go up
        return tf.constant(np.nextafter(middle, np.float32(-np.inf)))
    odd = np.arange(len(middle)) % 2 == 1
    return tf.constant(np.where(odd, np.nextafter(middle, np.float32(-np.inf)), middle))


def _beyond(code: Any, size: Any, dtype: np.dtype[Any], count: int, saturate: bool) -> Any:
    """Codes of numbers past the largest one: infinity or NaN unless they saturate."""
    if saturate or "float4" in dtype.name or "float6" in dtype.name:
        return code
    top = _table(dtype)[count - 1]
    step = top - _table(dtype)[count - 2]
    past = count if dtype.name == "float8_e5m2" else _nan_code(dtype)
    return tf.where(size >= top + step / 2, tf.cast(past, tf.uint8), code)


def _nan_code(dtype: np.dtype[Any]) -> int:
    return int(np.array(np.nan, dtype).view(np.uint8)) if "float8" in dtype.name else 0
