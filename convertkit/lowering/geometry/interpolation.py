"""The weights of a resize along one axis, as ONNX defines them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from convertkit.lowering.call import Call

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Axis:
    """One axis being resized.

    Attributes:
        size, target: before and after.
        scale: as given, else target / size.
        coordinates: ONNX's coordinate_transformation_mode.
        span: start and end of the region of interest, as shares of the axis.
    """

    size: int
    target: int
    scale: float
    coordinates: str
    span: tuple[float, float]

    def sources(self, kind: type[np.floating[Any]] = np.float64) -> Array:
        """Where each result lies on the input's axis, computed in floats of a kind."""
        x, scale = np.arange(self.target, dtype=kind), kind(self.scale)
        match self.coordinates:
            case "half_pixel":
                return np.asarray((x + 0.5) / scale - 0.5)
            case "half_pixel_symmetric":
                adjusted = self.target / (self.size * self.scale)
                return self.size / 2 * (1 - adjusted) + (x + 0.5) / scale - 0.5
            case "pytorch_half_pixel":
                return (x + 0.5) / scale - 0.5 if self.target > 1 else x * 0
            case "align_corners":
                wide = self.size * self.scale  # ONNX takes the stretched size, not the whole one
                return x * (self.size - 1) / (wide - 1) if wide > 1 else x * 0
            case "asymmetric":
                return np.asarray(x / scale)
            case "tf_half_pixel_for_nn":
                return np.asarray((x + 0.5) / scale)
            case "tf_crop_and_resize":
                start, end = self.span
                if self.target == 1:
                    return 0.5 * (start + end) * (self.size - 1) + x
                return start * (self.size - 1) + x * (end - start) * (self.size - 1) / (self.target - 1)
        raise ValueError(f"coordinate_transformation_mode '{self.coordinates}' is out of range")


def weights(axis: Axis, mode: str, nearest: str, call: Call) -> tuple[Array, Array]:
    """The matrix (target, size) of an axis, and which results lie inside the input."""
    source = axis.sources(np.float32 if mode == "nearest" else np.float64)  # 3 / 0.6 is 5 in float32 alone
    inside = np.ones(axis.target, bool)
    if axis.coordinates == "tf_crop_and_resize":
        inside = (source >= 0) & (source <= axis.size - 1)
    if mode == "nearest":
        picks = np.clip(_rounded(source, nearest), 0, axis.size - 1).astype(int)
        return np.eye(axis.size)[picks], inside
    stretch = max(1.0, 1.0 / axis.scale) if call.attribute("antialias", 0) else 1.0
    if mode == "linear":
        kernel, reach = _triangle, 1.0
    elif mode == "cubic":
        a = call.attribute("cubic_coeff_a", -0.75)
        kernel, reach = (lambda distance: _cubic(distance, a)), 2.0
    else:
        raise ValueError(f"mode '{mode}' is out of range")
    return _matrix(
        source, axis.size, kernel, reach, stretch, bool(call.attribute("exclude_outside", 0))
    ), inside


def _matrix(source: Array, size: int, kernel: Any, reach: float, stretch: float, excludes: bool) -> Array:
    first = np.floor(source - reach * stretch).astype(int)
    count = int(np.ceil(2 * reach * stretch)) + 2
    matrix = np.zeros((len(source), size))
    for row, (place, start) in enumerate(zip(source, first, strict=True)):
        taps = np.arange(start, start + count)
        values = kernel(np.abs(place - taps) / stretch)
        if excludes:
            values = np.where((taps < 0) | (taps >= size), 0, values)
        values = values / values.sum() if excludes or stretch > 1 else values
        np.add.at(matrix[row], np.clip(taps, 0, size - 1), values)
    return matrix


def _rounded(x: Array, nearest: str) -> Array:
    match nearest:
        case "round_prefer_floor":
            return np.asarray(np.ceil(x - 0.5))
        case "round_prefer_ceil":
            return np.asarray(np.floor(x + 0.5))
        case "floor":
            return np.asarray(np.floor(x))
        case "ceil":
            return np.asarray(np.ceil(x))
    raise ValueError(f"nearest_mode '{nearest}' is out of range")


def _triangle(distance: Array) -> Array:
    return np.asarray(np.maximum(1 - distance, 0))


def _cubic(d: Array, a: float) -> Array:
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    result: Array = np.where(d <= 1, near, np.where(d < 2, far, 0))
    return result
