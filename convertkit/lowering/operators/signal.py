"""Fourier transforms as matrix products, and what goes with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, free, logical
from convertkit.lowering.element_types import tf_type
from convertkit.lowering.sizes import divide, fixed, reshape_target
from convertkit.lowering.value import Value, expanded


def fourier(x: Any, count: int, one_sided: bool, inverse: bool) -> Any:
    """The transform of [..., n, 1 or 2] along the axis before the last, as [..., bins, 1 or 2]."""
    known = x.shape[-2]
    if inverse and one_sided:
        return _real_inverse(x, count)
    if known < count:
        x = tf.pad(x, [*[(0, 0)] * (x.shape.rank - 2), (0, count - known), (0, 0)])
    x = x[..., :count, :]
    bins = count // 2 + 1 if one_sided else count
    angle = 2 * np.pi * np.outer(np.arange(count), np.arange(bins)) / count
    cosine, sine = (tf.constant(f(angle), x.dtype) for f in (np.cos, np.sin))
    sign, share = (1.0, 1.0 / count) if inverse else (-1.0, 1.0)
    real = tf.linalg.matvec(cosine, x[..., 0], transpose_a=True)
    imaginary = sign * tf.linalg.matvec(sine, x[..., 0], transpose_a=True)
    if x.shape[-1] == 2:
        real -= sign * tf.linalg.matvec(sine, x[..., 1], transpose_a=True)
        imaginary += tf.linalg.matvec(cosine, x[..., 1], transpose_a=True)
    return tf.stack([real, imaginary], -1) * tf.cast(share, x.dtype)


def _real_inverse(x: Any, count: int) -> Any:
    """The real signal of which `x` is the one-sided transform."""
    bins = count // 2 + 1
    angle = 2 * np.pi * np.outer(np.arange(bins), np.arange(count)) / count
    weight = np.full(bins, 2.0)
    weight[0] = 1.0
    if count % 2 == 0:
        weight[-1] = 1.0
    cosine, sine = (tf.constant(weight[:, None] * f(angle) / count, x.dtype) for f in (np.cos, np.sin))
    x = x[..., :bins, :]
    real = tf.linalg.matvec(cosine, x[..., 0], transpose_a=True)
    return (real - tf.linalg.matvec(sine, x[..., 1], transpose_a=True))[..., tf.newaxis]


def _dft(call: Call) -> Any:
    if call.opset >= 20:
        axis = int(call.array(2).reshape(())) if call.has(2) else -2
    else:
        axis = call.attribute("axis", 1)
    axis = call.number(axis)
    inverse, one_sided = bool(call.attribute("inverse", 0)), bool(call.attribute("onesided", 0))
    size = call.shape[axis]
    if not isinstance(size, int):
        raise ValueError("the transformed axis has to be of known size")
    count = (
        int(call.array(1).reshape(())) if call.has(1) else 2 * (size - 1) if inverse and one_sided else size
    )
    order = [a for a in range(call.rank - 1) if a != axis] + [axis, call.rank - 1]
    result = fourier(tf.transpose(call.tensor(0), order), count, one_sided, inverse)
    return tf.transpose(result, np.argsort(order))


def _stft(call: Call) -> Value:
    """A convolution with the windowed Fourier basis, whose strides are the frames: any length will do.

    Source: the short-time Fourier transform as a filter bank (Allen and Rabiner, 1977).
    """
    step = int(call.array(1).reshape(()))
    length = int(call.array(3).reshape(())) if call.has(3) else fixed(call.value(2).shape)[0]
    bins = length // 2 + 1 if call.attribute("onesided", 1) else length
    parts = fixed(call.shape[2:])[0]
    basis = tf.convert_to_tensor(_basis(length, bins, parts).astype(call.value(0).numpy_type))
    if call.has(2):
        basis = basis * tf.reshape(call.tensor(2), [1, length, 1, 1])
    known = tf.get_static_value(basis)
    kernel = basis if known is None else call.tensor_of(Value(known))
    frames = tf.nn.conv2d(expanded(call.tensor(0), 1), kernel, step, "VALID")
    shape = (call.shape[0], divide(call.shape[1] - length, step) + 1, bins, 2)
    return Value(tf.reshape(frames, reshape_target(shape)), shape=shape)


def _basis(length: int, bins: int, parts: int) -> np.ndarray[Any, Any]:
    """[1, length, 1 or 2, bins · 2]: what each sample adds to the real and imaginary part of each bin."""
    angle = 2 * np.pi * np.outer(np.arange(length), np.arange(bins)) / length
    of_real = np.stack([np.cos(angle), -np.sin(angle)], -1)
    of_imaginary = np.stack([np.sin(angle), np.cos(angle)], -1)
    return np.stack([of_real, of_imaginary][:parts], 1).reshape(1, length, parts, bins * 2)


def _mel_weights(call: Call) -> Value:
    """A matrix that maps a spectrum to mel bands: triangles over bins.

    Source: ONNX MelWeightMatrix, which follows tf.signal.linear_to_mel_weight_matrix.
    """
    bands, length, rate, low, high = (call.array(index).reshape(()) for index in range(5))
    bins = int(length) // 2 + 1
    mel_low, mel_high = (2595 * np.log10(1 + float(f) / 700) for f in (low, high))
    edges = mel_low + np.arange(int(bands) + 2) * (mel_high - mel_low) / (int(bands) + 2)
    places = (((int(length) + 1) * (700 * (10 ** (edges / 2595) - 1))) // float(rate)).astype(int)
    matrix = np.zeros((bins, int(bands)))
    for band in range(int(bands)):
        left, centre, right = places[band : band + 3]
        if centre == left:
            matrix[centre, band] = 1
        else:
            matrix[left : centre + 1, band] = (np.arange(left, centre + 1) - left) / (centre - left)
        if right > centre:
            matrix[centre:right, band] = (right - np.arange(centre, right)) / (right - centre)
    return Value(matrix.astype(tf_type(call.attribute("output_datatype", 1)).as_numpy_dtype))


OPERATORS: Table = {
    "DFT": logical(_dft),
    "STFT": logical(_stft),
    "MelWeightMatrix": free(_mel_weights, folds=False),
}
