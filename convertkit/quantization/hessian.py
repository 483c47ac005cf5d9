"""What a layer's inputs make of an error of its weights: H, the mean of 2 x xᵀ over its input columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np

from convertkit.quantization.grid import Matrix, channel_scales, nearest
from convertkit.quantization.rounding import round_compensated
from convertkit.quantization.windows import Columns

MOST_ENTRIES = 1 << 25  # of a layer's Hessian, 256 MiB, and of the columns of one call, 128 MiB
LEAST_POSITIONS = 1 << 15  # of a layer over all calls; eight a column where that is more

Given = TypeVar("Given")


def is_narrow(weights: Matrix) -> bool:
    """True where a layer's Hessian fits; its weights are [groups, rows, columns]."""
    groups, _, columns = weights.shape
    return bool(groups * columns**2 <= MOST_ENTRIES)


def hessian_of(
    weights: Matrix, inputs: Iterable[Given], calls: int, columns_of: Callable[[Given, int], Columns]
) -> Matrix:
    """The Hessian of a layer, [groups, columns, columns], one call's input after another.

    Args:
        calls: how many inputs there are.
        columns_of: [groups, positions, columns] of an input, at most so many positions.
    """
    groups, _, width = weights.shape
    total, seen = np.zeros((groups, width, width)), 0
    most = max(LEAST_POSITIONS, 8 * width) // calls
    most = max(1, min(most, MOST_ENTRIES // (groups * width)))
    for given in inputs:
        columns = columns_of(given, most)
        total += columns.transpose(0, 2, 1) @ columns
        seen += columns.shape[1]
    return 2 * total / max(seen, 1)


def rounded_to_nearest(weights: Matrix, largest: int) -> Matrix:
    """Weights on the grid, each by itself, in the units of `weights`."""
    scales = channel_scales(weights, largest)
    return nearest(weights, scales, largest) * scales


def rounded_better(weights: Matrix, hessian: Matrix, largest: int) -> Matrix:
    """Weights on the grid, with compensation or to nearest: by which the layer's output loses less."""
    plain = rounded_to_nearest(weights, largest)
    better = round_compensated(weights, hessian, largest)
    return min((plain, better), key=lambda rounded: output_error(rounded - weights, hessian))


def output_error(errors: Matrix, hessian: Matrix) -> float:
    """Square error of a layer's output, up to a factor, by errors of its weights."""
    return float(np.sum((errors @ hessian) * errors))
