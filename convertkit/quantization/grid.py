"""The grid that weights are rounded to: symmetric, one scale an output channel, its largest weight the end.

Every quantizer downstream takes `max |w| / largest` of a channel for its scale. As long as a channel keeps a
weight at the end of the grid, it finds the same scale in the rounded weights, and with it the same integers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def channel_scales(weights: Matrix, largest: int) -> Matrix:
    """Step of the grid of every row, `max |w| / largest`; 1 where the row is zero.

    Args:
        weights: [..., rows, columns], a row for every output channel.
        largest: the largest integer, 127 for INT8, 64 where a quantizer leaves one bit free.

    Returns:
        [..., rows, 1].
    """
    ends = np.abs(weights).max(axis=-1, keepdims=True)
    return np.where(ends > 0, ends / largest, 1.0)


def nearest(weights: Matrix, scales: Matrix, largest: int) -> Matrix:
    """The grid's integers nearest to the weights, as floats."""
    return np.clip(np.rint(weights / scales), -largest, largest)


def end_columns(weights: Matrix) -> NDArray[np.intp]:
    """Column of the largest weight of every row, [..., rows]; the first of equals."""
    columns: NDArray[np.intp] = np.abs(weights).argmax(axis=-1)
    return columns
