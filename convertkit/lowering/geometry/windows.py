"""Pools without a kernel of their own (dilated, with indices): one strided slice per window place."""

from __future__ import annotations

import itertools
from typing import Any

import tensorflow as tf

from convertkit.lowering.geometry.padding import Window
from convertkit.lowering.sizes import Expr, scalar


def slices(x: Any, window: Window, outputs: list[Any]) -> list[Any]:
    """Padded channels-last data at every place of the window."""
    found = []
    for taps in itertools.product(*[range(k) for k in window.kernel]):
        spec: list[Any] = [slice(None)]
        for tap, stride, dilation, count in zip(taps, window.strides, window.dilations, outputs, strict=True):
            first = tap * dilation
            last = (count - 1) * stride + first + 1
            spec.append(slice(first, scalar(last) if isinstance(last, Expr) else last, stride))
        found.append(x[tuple(spec)])
    return found


def largest(x: Any, window: Window, outputs: list[Any]) -> Any:
    """The largest element of each window."""
    parts = slices(x, window, outputs)
    total = parts[0]
    for part in parts[1:]:
        total = tf.maximum(total, part)
    return total


def total(x: Any, window: Window, outputs: list[Any]) -> Any:
    """The sum of each window."""
    parts = slices(x, window, outputs)
    return tf.add_n(parts)


def largest_with_places(x: Any, places: Any, window: Window, outputs: list[Any]) -> tuple[Any, Any]:
    """The largest element of each window, and what `places` has where it stands (the first one on a tie)."""
    values, numbers = slices(x, window, outputs), slices(places, window, outputs)
    best, place = values[0], tf.broadcast_to(numbers[0], tf.shape(values[0]))
    for value, number in zip(values[1:], numbers[1:], strict=True):
        is_more = value > best
        best, place = tf.where(is_more, value, best), tf.where(is_more, number, place)
    return best, place
