"""Pooling in channels-last order, in forms that keep INT8 scales sane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Table, axis_wise, channel_last
from convertkit.lowering.geometry.padding import Window, window_of
from convertkit.lowering.geometry.windows import largest, largest_with_places, total
from convertkit.lowering.operators.reduce import reduced
from convertkit.lowering.sizes import Size, divide, scalar
from convertkit.lowering.value import Value, expanded

NEVER_NEGATIVE = {"Relu", "Relu6", "Sigmoid", "Abs", "Exp", "Softmax", "Square"}
KEEPS_SIGN = {"Identity", "Transpose", "Reshape", "Squeeze", "ExpandDims", "MaxPool", "AvgPool"}


def pool_window(call: Call) -> tuple[Window, list[Size]]:
    """The window of a pool, its end padding widened where ceil_mode asks for one more step.

    Along an axis of free size it is widened by one less than the stride, whatever the size: windows that are
    counted rounded down then are as many as without it rounded up.
    """
    window = window_of(call, tuple(call.attribute("kernel_shape")))
    if not call.attribute("ceil_mode", 0):
        return window, window.outputs()
    window = _clipped(window)
    pads: list[tuple[int, int]] = []
    outputs: list[Size] = []
    for size, (begin, end), reach, stride in zip(
        window.sizes, window.pads, window.reach, window.strides, strict=True
    ):
        if not isinstance(size, int):
            if reach < stride + end:  # the last window might start in the padding
                raise ValueError("ceil_mode with a stride over the kernel needs a spatial size that is known")
            pads.append((begin, end + stride - 1))
            outputs.append(divide(size + (begin + end + stride - 1 - reach), stride) + 1)
            continue
        count = -(-(size + begin + end - reach) // stride) + 1
        if (count - 1) * stride >= size + begin:  # the last window would start in the padding
            count -= 1
        pads.append((begin, max((count - 1) * stride + reach - size - begin, 0)))
        outputs.append(count)
    return Window(window.kernel, window.strides, window.dilations, tuple(pads), window.sizes), outputs


def _clipped(window: Window) -> Window:
    """A kernel larger than an unpadded axis covers it once: it is as large as the axis."""
    kernel = [
        size if isinstance(size, int) and k > size and pads == (0, 0) and d == 1 else k
        for size, k, pads, d in zip(window.sizes, window.kernel, window.pads, window.dilations, strict=True)
    ]
    return Window(tuple(kernel), window.strides, window.dilations, window.pads, window.sizes)


def _spatial(call: Call, result: Any, outputs: list[Size]) -> Value:
    return call.like(result, {axis + 2: size for axis, size in enumerate(outputs)})


def _max_pool(call: Call) -> Any:
    window, outputs = pool_window(call)
    x = call.tensor(0)
    if len(call.node.output) > 1 and call.node.output[1]:
        best, places = _with_places(call, x, window, outputs)
        return [_spatial(call, best, outputs), _spatial(call, places, outputs)]
    return _spatial(call, max_pool(x, window, outputs), outputs)


def _with_places(call: Call, x: Any, window: Window, outputs: list[Size]) -> tuple[Any, Any]:
    """Maxima and their indices into the flat logical tensor, as ONNX counts them."""
    sizes = [tf.cast(scalar(size), tf.int64) for size in call.shape]
    spatial = list(range(2, call.rank))
    if call.attribute("storage_order", 0):
        spatial.reverse()
    strides, step = {}, tf.constant(1, tf.int64)
    for axis in [*spatial[::-1], 1, 0]:
        strides[axis], step = step, step * sizes[axis]
    places = tf.zeros([1] * call.rank, tf.int64)
    for axis in range(call.rank):
        line = tf.range(sizes[axis]) * strides[axis]
        places += tf.reshape(line, [-1 if other == call.axis(axis) else 1 for other in range(call.rank)])
    pads = [(0, 0), *window.pads, (0, 0)]
    padded = tf.pad(x, pads, constant_values=x.dtype.min)
    return largest_with_places(padded, tf.pad(places, pads), window, outputs)


def max_pool(x: Any, window: Window, outputs: list[Size]) -> Any:
    """Max-pool of channels-last data."""
    if set(window.dilations) != {1}:
        return largest(_padded(x, window), window, outputs)
    if window.is_padded and window.is_same() and x.dtype.is_floating:
        return _windows(x, window, "MAX", "SAME")
    if window.is_padded:
        x = _padded(x, window)
    return _windows(x, window, "MAX", "VALID")


def _padded(x: Any, window: Window) -> Any:
    """Padded by what changes no maximum and keeps the scales of INT8.

    Zeros where no element is negative. Else mirrored at the edges: what is repeated is inside the window
    already, while no pad exceeds half the kernel and the mirror is not longer than the axis. Else the lowest
    number of the type.
    """
    pads = [(0, 0), *window.pads, (0, 0)]
    if is_never_negative(x):
        return tf.pad(x, pads)
    mirrors = all(
        2 * max(pads) <= k and d == 1 and (not isinstance(size, int) or max(pads) <= size)
        for size, pads, k, d in zip(window.sizes, window.pads, window.kernel, window.dilations, strict=True)
    )
    return tf.pad(x, pads, "SYMMETRIC") if mirrors else tf.pad(x, pads, constant_values=x.dtype.min)


def is_never_negative(x: Any) -> bool:
    """True where the operator that made a tensor says that no element is below zero."""
    if tf.executing_eagerly():
        return False
    operation = x.op
    while operation.type in KEEPS_SIGN:
        operation = operation.inputs[0].op
    return operation.type in NEVER_NEGATIVE


def _windows(x: Any, window: Window, kind: str, padding: str) -> Any:
    rank = len(window.kernel)
    if rank == 1:
        flat = Window((1, *window.kernel), (1, *window.strides), (1, *window.dilations), (), ())
        return tf.squeeze(_windows(expanded(x, 1), flat, kind, padding), 1)
    if rank == 3:
        return _volume(x, window, kind, padding)
    function = tf.nn.max_pool2d if kind == "MAX" else tf.nn.avg_pool2d
    if x.dtype.is_integer:
        return tf.cast(function(tf.cast(x, tf.float32), window.kernel, window.strides, padding), x.dtype)
    return function(x, window.kernel, window.strides, padding)


def _volume(x: Any, window: Window, kind: str, padding: str) -> Any:
    """A pool over three axes as two: TFLite has none over three. Maxima and means of equal counts nest."""
    (kd, *kernel), (sd, *strides), (dd, *dilations) = window.kernel, window.strides, window.dilations
    shape = [x.shape[axis] if x.shape[axis] is not None else tf.shape(x)[axis] for axis in range(5)]
    flat = tf.reshape(x, [-1, *shape[2:]])
    plane = _windows(flat, Window(tuple(kernel), tuple(strides), tuple(dilations), (), ()), kind, padding)
    height, width = (plane.shape[a] if plane.shape[a] is not None else tf.shape(plane)[a] for a in (1, 2))
    lines = tf.reshape(plane, [-1, shape[1], height * width, shape[4]])
    pooled = _windows(lines, Window((kd, 1), (sd, 1), (dd, 1), (), ()), kind, padding)
    depth = pooled.shape[1] if pooled.shape[1] is not None else tf.shape(pooled)[1]
    return tf.reshape(pooled, [-1, depth, height, width, shape[4]])


def _average_pool(call: Call) -> Value:
    window, outputs = pool_window(call)
    return _spatial(call, _average(call, call.tensor(0), window, outputs), outputs)


def _average(call: Call, x: Any, window: Window, outputs: list[Size]) -> Any:
    """Mean over the window, over as many elements as ONNX counts."""
    if set(window.dilations) != {1}:
        means = _dilated_mean(tf.pad(x, [(0, 0), *window.pads, (0, 0)]), window, outputs)
        return means / _share(call, window, outputs) if window.is_padded else means
    if not window.is_padded:
        return _windows(x, window, "AVG", "VALID")
    counts_padding = bool(call.attribute("count_include_pad", 0))
    if window.is_same() and not counts_padding and len(window.kernel) < 3:
        return _windows(x, window, "AVG", "SAME")
    means = _windows(tf.pad(x, [(0, 0), *window.pads, (0, 0)]), window, "AVG", "VALID")
    share = _share(call, window, outputs)
    if isinstance(share, np.ndarray) and np.allclose(share, 1):
        return means
    return means * tf.cast(1 / share, x.dtype)


def _dilated_mean(x: Any, window: Window, outputs: list[Size]) -> Any:
    return total(x, window, outputs) / float(np.prod(window.kernel))


def _share(call: Call, window: Window, outputs: list[Size]) -> Any:
    """The share of each window that counts; a constant where the sizes are known."""
    rank = len(window.kernel)
    flat = call.attribute("pads") or [0] * (2 * rank)
    is_auto = call.attribute("auto_pad", "NOTSET").startswith("SAME")
    stated = list(window.pads) if is_auto else list(zip(flat[:rank], flat[rank:], strict=True))
    if not call.attribute("count_include_pad", 0):
        stated = [(0, 0)] * rank
    share: Any = 1.0
    for axis, size in enumerate(window.sizes):
        pads = window.pads[axis]
        counts = [min(p, c) for p, c in zip(pads, stated[axis], strict=True)]
        ones = tf.pad(tf.ones([scalar(size)]), [counts], constant_values=1.0)
        line = tf.pad(ones, [[p - c for p, c in zip(pads, counts, strict=True)]])
        row = Window((window.kernel[axis],), (window.strides[axis],), (window.dilations[axis],), (), ())
        means = _dilated_mean(line[tf.newaxis, :, tf.newaxis], row, [outputs[axis]])
        share = share * tf.reshape(means, [1, *[-1 if axis == other else 1 for other in range(rank)], 1])
    known = tf.get_static_value(share)
    return share if known is None else known


def _global(function: Callable[..., Any]) -> Callable[[Call], Value]:
    def lower(call: Call) -> Value:
        return reduced(call, function, list(range(2, call.rank)), keeps=True)

    return lower


def _lp_norm(call: Call) -> Callable[..., Any]:
    p = call.attribute("p", 2)

    def norm(x: Any, axes: list[int], keeps: bool) -> Any:
        return tf.reduce_sum(tf.abs(x) ** p, axes, keeps) ** (1.0 / p)

    return norm


def _global_lp(call: Call) -> Value:
    return reduced(call, _lp_norm(call), list(range(2, call.rank)), keeps=True)


def _lp_pool(call: Call) -> Value:
    p = call.attribute("p", 2)
    window, outputs = pool_window(call)
    x = tf.pad(tf.abs(call.tensor(0)) ** p, [(0, 0), *window.pads, (0, 0)])
    if set(window.dilations) != {1}:
        sums = total(x, window, outputs)
    else:
        sums = _windows(x, window, "AVG", "VALID") * float(np.prod(window.kernel))
    return _spatial(call, sums ** (1.0 / p), outputs)


OPERATORS: Table = {
    "MaxPool": channel_last(_max_pool),
    "AveragePool": channel_last(_average_pool),
    "LpPool": channel_last(_lp_pool),
    "GlobalAveragePool": axis_wise(_global(tf.reduce_mean)),
    "GlobalMaxPool": axis_wise(_global(tf.reduce_max)),
    "GlobalLpPool": axis_wise(_global_lp),
}
