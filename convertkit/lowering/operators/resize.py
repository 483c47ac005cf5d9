"""Resize: TensorFlow's own kernels where they mean the same, else one matrix per axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, channel_last
from convertkit.lowering.geometry.interpolation import Axis, weights
from convertkit.lowering.sizes import Expr, Size, derived, fixed, is_equal, vector
from convertkit.lowering.value import Value, expanded


def _upsample(call: Call) -> Value:
    scales = call.attribute("scales") or [float(scale) for scale in call.array(1)]
    mode = call.attribute("mode", "nearest")
    return _resized(call, _targets(call, scales, None), scales, mode, "asymmetric", "floor")


def _resize(call: Call) -> Any:
    first = 1 if call.opset == 10 else 2
    axes = [call.number(axis) for axis in call.attribute("axes") or range(call.rank)]
    scales = sizes = None
    if call.has(first) and call.value(first).shape != (0,):
        scales = [float(scale) for scale in call.array(first).reshape(-1)]
    elif call.has(3):
        sizes = call.sizes(3)
    if call.opset == 10:
        return _resized(
            call,
            _targets(call, scales, None),
            scales,
            call.attribute("mode", "nearest"),
            "asymmetric",
            "floor",
        )
    full_scales = None if scales is None else _spread(scales, axes, [1.0] * call.rank)
    full_sizes = None if sizes is None else _spread(sizes, axes, list(call.shape))
    policy = call.attribute("keep_aspect_ratio_policy", "stretch")
    if full_sizes is not None and policy != "stretch":
        full_sizes, full_scales = _keeping_aspect(call, full_sizes, axes, policy)
    return _resized(
        call,
        full_sizes or _targets(call, full_scales or [], None),
        full_scales,
        call.attribute("mode", "nearest"),
        call.attribute("coordinate_transformation_mode", "half_pixel"),
        call.attribute("nearest_mode", "round_prefer_floor"),
    )


def _spread(given: Any, axes: list[int], default: list[Any]) -> list[Any]:
    result = list(default)
    for axis, number in zip(axes, given, strict=True):
        result[axis] = number
    return result


def _targets(call: Call, scales: Any, _: None) -> list[Size]:
    """floor(size × scale), also for sizes that are not known."""
    targets: list[Size] = []
    for size, scale in zip(call.shape, scales, strict=True):
        if isinstance(size, int):
            targets.append(int(np.floor(size * scale)))
        elif float(scale).is_integer():
            targets.append(size * int(scale))
        else:
            targets.append(
                derived(
                    f"times {scale}", lambda s, by=scale: tf.cast(tf.cast(s, tf.float32) * by, tf.int32), size
                )
            )
    return targets


def _keeping_aspect(
    call: Call, sizes: list[Any], axes: list[int], policy: str
) -> tuple[list[Any], list[float]]:
    before = dict(zip(axes, fixed(call.shape[axis] for axis in axes), strict=True))
    ratios = [sizes[axis] / size for axis, size in before.items()]
    scale = min(ratios) if policy == "not_larger" else max(ratios)
    scales = [scale if axis in axes else 1.0 for axis in range(call.rank)]
    after = {axis: int(np.floor(size * scale + 0.5)) for axis, size in before.items()}
    return [after.get(axis, size) for axis, size in enumerate(call.shape)], scales


def _resized(
    call: Call, targets: list[Size], scales: list[float] | None, mode: str, coordinates: str, nearest: str
) -> Value:
    is_whole = all(is_equal(a, b) for a, b in zip(targets, call.shape, strict=True))
    if is_whole and coordinates != "tf_crop_and_resize" and _are_exact(call, targets, scales):
        return call.value(0)
    native = _native(call, targets, scales, mode, coordinates, nearest)
    changed: dict[int, Size | None] = dict(enumerate(targets))
    if native is not None:
        return call.like(native, changed)
    return call.like(_by_matrices(call, targets, scales, mode, coordinates, nearest), changed)


def _native(
    call: Call, targets: list[Size], scales: list[float] | None, mode: str, coordinates: str, nearest: str
) -> Any:
    """By TensorFlow's image kernels, None where ONNX means something else."""
    if call.rank not in (3, 4) or call.attribute("antialias", 0) or call.attribute("exclude_outside", 0):
        return None
    if any(is_equal(targets[axis], call.shape[axis]) is not True for axis in (0, 1)):
        return None
    if not _are_exact(call, targets, scales):
        return None
    x = call.tensor(0) if call.rank == 4 else expanded(call.tensor(0), 1)
    size = vector(targets[2:] if call.rank == 4 else [1, targets[2]])
    aligned, half = coordinates == "align_corners", coordinates in ("half_pixel", "pytorch_half_pixel")
    if coordinates == "pytorch_half_pixel" and any(target == 1 for target in targets[2:]):
        return None
    if mode == "linear" and x.dtype == tf.float32 and (aligned or half or coordinates == "asymmetric"):
        result = tf.raw_ops.ResizeBilinear(
            images=x, size=size, align_corners=aligned, half_pixel_centers=half
        )
    elif mode == "nearest" and coordinates == "asymmetric" and nearest == "floor":
        result = tf.raw_ops.ResizeNearestNeighbor(
            images=x, size=size, align_corners=False, half_pixel_centers=False
        )
    else:
        return None
    return result if call.rank == 4 else tf.squeeze(result, 1)


def _are_exact(call: Call, targets: list[Size], scales: list[float] | None) -> bool:
    """Whether the sizes alone tell where the pixels lie."""
    if scales is None:
        return True
    return all(_is_exact(*row) for row in zip(call.shape, targets, scales, strict=True))


def _is_exact(size: Size, target: Size, scale: float) -> bool:
    """Whether target / size is the scale, as TensorFlow takes it to be."""
    if isinstance(size, int) and isinstance(target, int):
        return abs(size * scale - target) < 1e-6
    return float(scale).is_integer()


def _by_matrices(
    call: Call, targets: list[Size], scales: list[float] | None, mode: str, coordinates: str, nearest: str
) -> Any:
    """Each axis times a matrix of weights that is made at build time; exact in every mode."""
    x = call.tensor(0)
    roi = (
        [float(number) for number in call.array(1).reshape(-1)] if coordinates == "tf_crop_and_resize" else []
    )
    outside = np.ones([1] * call.rank, bool)
    for axis in range(call.rank):
        size, target = call.shape[axis], targets[axis]
        if is_equal(size, target) is True and not roi:
            continue
        if isinstance(size, Expr) or isinstance(target, Expr):
            raise ValueError(f"resizing in mode '{mode}', '{coordinates}' needs sizes that are known")
        scale = scales[axis] if scales is not None else target / size
        row = Axis(size, target, scale, coordinates, _span(call, roi, axis))
        matrix, inside = weights(row, mode, nearest, call)
        place = call.axis(axis)
        x = _along(x, matrix, place, mode)
        outside = outside & np.reshape(inside, [-1 if other == place else 1 for other in range(call.rank)])
    if not outside.all():
        x = tf.where(outside, x, tf.cast(call.attribute("extrapolation_value", 0.0), x.dtype))
    return x


def _span(call: Call, roi: list[float], axis: int) -> tuple[float, float]:
    if not roi:
        return 0.0, 1.0
    axes = [call.number(a) for a in call.attribute("axes") or range(call.rank)]
    if axis not in axes:
        return 0.0, 1.0
    return roi[axes.index(axis)], roi[axes.index(axis) + len(axes)]


def _along(x: Any, matrix: np.ndarray[Any, Any], place: int, mode: str) -> Any:
    if mode == "nearest":
        return tf.gather(x, matrix.argmax(1).astype(np.int32), axis=place)
    moved = [axis for axis in range(x.shape.rank) if axis != place] + [place]
    result = tf.matmul(tf.transpose(x, moved), tf.cast(matrix.T, x.dtype))
    return tf.transpose(result, np.argsort(moved))


OPERATORS: Table = {
    "Resize": channel_last(_resize),
    "Upsample": channel_last(_upsample),
}
