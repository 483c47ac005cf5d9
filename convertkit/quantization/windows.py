"""What a convolution's kernel covers of its input, one column an output position. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Columns = NDArray[np.float32]


class Window(NamedTuple):
    """How a convolution reads its input, a number for each spatial axis.

    Attributes:
        groups: parts of the channels that know nothing of each other.
        before, after: zeros around the input; negative numbers cut off.
    """

    groups: int
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


def reach_of(kernel: Sequence[int], dilations: Sequence[int]) -> tuple[int, ...]:
    """How far a kernel's last value lies from its first along each axis."""
    return tuple((size - 1) * dilation for size, dilation in zip(kernel, dilations, strict=True))


def product_columns(given: Columns, most: int, random: np.random.Generator) -> Columns:
    """Columns of a product's input [..., columns], as float32 [1, positions, columns]."""
    flat = given.reshape(-1, given.shape[-1])
    return flat[chosen(len(flat), most, random)][None]


def window_columns(window: Window, given: Columns, most: int, random: np.random.Generator) -> Columns:
    """Columns of a convolution's input, as float32 [groups, positions, columns].

    Args:
        given: [batch, channels, spatial…], one call.
        most: positions to take; where there are more, so many are drawn.
    """
    given = widened(given, window.before, window.after)
    spatial = tuple(range(2, given.ndim))
    reach = [1 + length for length in reach_of(window.kernel, window.dilations)]
    windows = np.lib.stride_tricks.sliding_window_view(given, reach, axis=spatial)
    positions = tuple(slice(None, None, stride) for stride in window.strides)
    inside = tuple(slice(None, None, dilation) for dilation in window.dilations)
    windows = windows[(slice(None), slice(None), *positions, *inside)]
    sizes = windows.shape[2 : 2 + len(window.kernel)]
    places = np.unravel_index(chosen(int(np.prod(sizes)), max(1, most // len(given)), random), sizes)
    every: Any = slice(None)
    taken = windows[(every, every, *places)]  # [batch, channels, positions, kernel…]
    batch, channels, count = taken.shape[:3]
    split: Columns = taken.reshape(batch, window.groups, channels // window.groups, count, -1)
    return split.transpose(1, 0, 3, 2, 4).reshape(window.groups, batch * count, -1)


def chosen(count: int, most: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Numbers of the positions to take: all, or `most` drawn without repetition, sorted."""
    if count <= most:
        return np.arange(count)
    return np.sort(random.choice(count, most, replace=False))


def widened(given: Columns, before: Sequence[int], after: Sequence[int]) -> Columns:
    """With zeros around the spatial axes; negative numbers cut off."""
    pads = [(max(one, 0), max(other, 0)) for one, other in zip(before, after, strict=True)]
    cut = [
        slice(max(-one, 0), size + min(other, 0))
        for one, other, size in zip(before, after, given.shape[2:], strict=True)
    ]
    return np.pad(given[(slice(None), slice(None), *cut)], [(0, 0), (0, 0), *pads])


def spread(given: Columns, strides: Sequence[int]) -> Columns:
    """With stride − 1 zeros between neighbours along each spatial axis."""
    sizes = [(size - 1) * stride + 1 for size, stride in zip(given.shape[2:], strides, strict=True)]
    result = np.zeros((*given.shape[:2], *sizes), np.float32)
    result[(slice(None), slice(None), *(slice(None, None, stride) for stride in strides))] = given
    return result
