"""Sampling images between pixels: GridSample, RoiAlign, DeformConv."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, channel_last
from convertkit.lowering.geometry.padding import window_of
from convertkit.lowering.sizes import fixed, scalar
from convertkit.lowering.value import Value, channels_last

Places = list[Any]


def picked(x: Any, places: Places, outside: str) -> Any:
    """Channels-last pixels at whole places, one [N, …] per spatial axis; zero, or the nearest, outside."""
    sizes = [_size(x, axis + 1) for axis in range(len(places))]
    inside: Any = None
    clipped = []
    for place, size in zip(places, sizes, strict=True):
        whole = tf.cast(place, tf.int32)
        valid = (whole >= 0) & (whole < size)
        inside = valid if inside is None else inside & valid
        clipped.append(tf.clip_by_value(whole, 0, size - 1))
    values = tf.gather_nd(x, tf.stack(clipped, -1), batch_dims=1)
    return values * tf.cast(inside, x.dtype)[..., tf.newaxis] if outside == "zeros" else values


def _size(x: Any, axis: int) -> Any:
    return x.shape[axis] if x.shape[axis] is not None else tf.shape(x)[axis]


def bilinear(x: Any, places: Places, outside: str) -> Any:
    """Pixels between their 2^n neighbours."""
    floors = [tf.floor(place) for place in places]
    total: Any = 0.0
    for corner in itertools.product((0, 1), repeat=len(places)):
        weight: Any = 1.0
        for place, low, step in zip(places, floors, corner, strict=True):
            weight = weight * ((place - low) if step else (1 - (place - low)))
        values = picked(x, [low + step for low, step in zip(floors, corner, strict=True)], outside)
        total = total + values * weight[..., tf.newaxis]
    return total


def _bicubic(x: Any, places: Places, outside: str, bounds: list[Any]) -> Any:
    floors = [tf.floor(place) for place in places]
    total: Any = 0.0
    for corner in itertools.product((-1, 0, 1, 2), repeat=len(places)):
        weight: Any = 1.0
        at = []
        for place, low, step, bound in zip(places, floors, corner, bounds, strict=True):
            weight = weight * _cubic(tf.abs(place - (low + step)))
            at.append(_reflected(low + step, *bound) if outside == "reflection" else low + step)
        total = total + picked(x, at, outside) * weight[..., tf.newaxis]
    return total


def _cubic(distance: Any, a: float = -0.75) -> Any:
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return tf.where(distance <= 1, near, tf.where(distance < 2, far, tf.zeros_like(far)))


def _reflected(place: Any, low: Any, high: Any) -> Any:
    """A place mirrored at both bounds until it lies between them."""
    span = tf.maximum(high - low, 1e-9)
    past = tf.math.floormod(tf.abs(place - low), 2 * span)
    return low + tf.where(past > span, 2 * span - past, past)


def _grid_sample(call: Call) -> Value:
    x, grid = call.tensor(0), call.tensor_of(call.value(1).logical())
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(m := call.attribute("mode", "linear"), m)
    outside = call.attribute("padding_mode", "zeros")
    if mode not in ("linear", "cubic", "nearest") or outside not in ("zeros", "border", "reflection"):
        raise ValueError(f"mode '{mode}' or padding_mode '{outside}' is out of range")
    rank, aligned = call.rank - 2, bool(call.attribute("align_corners", 0))
    places, bounds = [], []
    for axis in range(rank):
        size = tf.cast(_size(x, axis + 1), x.dtype)
        share = (grid[..., rank - 1 - axis] + 1) / 2
        place = share * (size - 1) if aligned else share * size - 0.5
        bound = (tf.zeros([], x.dtype), size - 1) if aligned else (tf.constant(-0.5, x.dtype), size - 0.5)
        place = tf.round(place) if mode == "nearest" else place
        if mode != "cubic" and outside == "border":
            place = tf.clip_by_value(place, 0.0, size - 1)
        if mode != "cubic" and outside == "reflection":
            place = tf.clip_by_value(_reflected(place, *bound), 0.0, size - 1)
        places.append(place)
        bounds.append(bound)
    if mode == "cubic":
        result = _bicubic(x, places, outside, bounds)
    elif mode == "nearest":
        result = picked(x, [tf.round(place) for place in places], outside)
    else:
        result = bilinear(x, places, outside)
    shape = (call.shape[0], call.shape[1], *call.value(1).shape[1:-1])
    return Value(result, channels_last(call.rank), shape)


def _roi_align(call: Call) -> Value:
    x, rois, batch = call.tensor(0), call.tensor(1), tf.cast(call.tensor(2), tf.int32)
    height, width = call.attribute("output_height", 1), call.attribute("output_width", 1)
    samples, scale = call.attribute("sampling_ratio", 0), call.attribute("spatial_scale", 1.0)
    if samples < 1:
        raise ValueError("a sampling_ratio that depends on the regions is not supported")
    mode = call.attribute("coordinate_transformation_mode", "half_pixel" if call.opset >= 16 else "-")
    rois = rois * scale - (0.5 if mode == "half_pixel" else 0.0)
    left, top, right, bottom = (rois[:, place, tf.newaxis] for place in range(4))
    spans = [bottom - top, right - left]
    if mode != "half_pixel":
        spans = [tf.maximum(span, 1.0) for span in spans]
    rows = _points(top, spans[0], height, samples)
    columns = _points(left, spans[1], width, samples)
    region = tf.gather(x, batch)
    count = tf.shape(rois)[0]
    full = [count, height * samples, width * samples]
    places = [tf.broadcast_to(rows[:, :, tf.newaxis], full), tf.broadcast_to(columns[:, tf.newaxis], full)]
    kind = call.attribute("mode", "avg")
    values = _regional(region, places, largest=kind == "max")
    blocks = tf.reshape(values, [count, height, samples, width, samples, call.tensor(0).shape[-1]])
    result = tf.reduce_max(blocks, [2, 4]) if kind == "max" else tf.reduce_mean(blocks, [2, 4])
    return Value(result, channels_last(4), (call.value(1).shape[0], call.shape[1], height, width))


def _points(start: Any, span: Any, cells: int, samples: int) -> Any:
    steps = (np.arange(cells * samples, dtype=np.float32) + 0.5) / (cells * samples)
    return start + span * steps


def _regional(x: Any, places: Places, largest: bool) -> Any:
    """Bilinear samples, zero further than a pixel outside; for `largest` the greatest weighted neighbour."""
    sizes = [tf.cast(_size(x, axis + 1), tf.float32) for axis in range(2)]
    inside = tf.cast(
        (places[0] >= -1) & (places[0] <= sizes[0]) & (places[1] >= -1) & (places[1] <= sizes[1]), x.dtype
    )
    places = [tf.clip_by_value(place, 0.0, size - 1) for place, size in zip(places, sizes, strict=True)]
    if not largest:
        return bilinear(x, places, "border") * inside[..., tf.newaxis]
    floors = [tf.floor(place) for place in places]
    best = None
    for corner in itertools.product((0, 1), repeat=2):
        weight = tf.ones_like(places[0])
        for place, low, step in zip(places, floors, corner, strict=True):
            weight = weight * ((place - low) if step else (1 - (place - low)))
        values = picked(x, [low + step for low, step in zip(floors, corner, strict=True)], "border")
        values = values * weight[..., tf.newaxis]
        best = values if best is None else tf.maximum(best, values)
    return best * inside[..., tf.newaxis]


def _deformed(call: Call) -> Value:
    """A convolution that samples where its offsets point, one kernel tap at a time."""
    weight, offsets = call.value(1).logical(), call.tensor_of(call.value(2).logical())
    kernel = fixed(weight.shape[2:])
    if len(kernel) != 2:
        raise ValueError("only two spatial axes are supported")
    window = window_of(call, kernel)
    height, width = (scalar(size) for size in window.outputs())
    groups, parts = call.attribute("group", 1), call.attribute("offset_group", 1)
    taps = kernel[0] * kernel[1]
    shifts = tf.reshape(offsets, [-1, parts, taps, 2, height, width])
    masks = None
    if call.has(4):
        masks = tf.reshape(call.tensor_of(call.value(4).logical()), [-1, parts, taps, height, width])
    columns = []
    for tap, (row, column) in enumerate(itertools.product(range(kernel[0]), range(kernel[1]))):
        y = tf.cast(
            tf.range(height) * window.strides[0] + row * window.dilations[0] - window.pads[0][0], tf.float32
        )
        x = tf.cast(
            tf.range(width) * window.strides[1] + column * window.dilations[1] - window.pads[1][0], tf.float32
        )
        pieces = []
        for number, piece in enumerate(tf.split(call.tensor(0), parts, -1)):
            places = [y[:, tf.newaxis] + shifts[:, number, tap, 0], x + shifts[:, number, tap, 1]]
            value = bilinear(piece, places, "zeros")
            pieces.append(value if masks is None else value * masks[:, number, tap][..., tf.newaxis])
        columns.append(tf.concat(pieces, -1))
    samples = tf.stack(columns, -2)  # [N, H, W, taps, C]
    kernels = tf.reshape(
        tf.transpose(call.tensor_of(weight), [2, 3, 1, 0]), [taps, weight.shape[1], weight.shape[0]]
    )
    pairs = zip(tf.split(samples, groups, -1), tf.split(kernels, groups, -1), strict=True)
    result = tf.concat([tf.einsum("nhwtc,tco->nhwo", *pair) for pair in pairs], -1)
    if call.has(3):
        result = result + call.tensor(3)
    return Value(result, channels_last(4), (call.shape[0], weight.shape[0], *window.outputs()))


OPERATORS: Table = {
    "GridSample": channel_last(_grid_sample),
    "RoiAlign": channel_last(_roi_align),
    "DeformConv": channel_last(_deformed),
}
