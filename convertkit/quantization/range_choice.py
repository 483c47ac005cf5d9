"""When ranges of activations are chosen. NumPy only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from convertkit.artifacts.signature import Array
from convertkit.config.rounding import RangeChoice
from convertkit.quantization.ranges import FOLDS, fold_of

FURTHER = 0.04  # of a range: by which samples go beyond it that it was not taken from


def go_beyond(calls: Iterable[Mapping[str, Array]]) -> bool:
    """True where a quarter of the calls goes clearly beyond what a float input has in the others."""
    ends: dict[str, list[tuple[float, float]]] = {}
    for call in calls:
        for name, values in call.items():
            if values.dtype.kind == "f" and values.size:
                ends.setdefault(name, []).append((float(values.min()), float(values.max())))
    return any(
        reaches_beyond(np.array(each), fold)
        for each in ends.values()
        for fold in range(min(FOLDS, len(each)))
    )


def reaches_beyond(ends: Array, fold: int) -> bool:
    """Whether a fold goes clearly beyond the range of the others.

    Args:
        ends: [calls, 2], the least and the largest value of each.
    """
    is_own = np.array([fold_of(number) == fold for number in range(len(ends))])
    own, others = ends[is_own], ends[~is_own]
    if not len(own) or not len(others):
        return False
    low, high = others[:, 0].min(), others[:, 1].max()
    further = max(low - own[:, 0].min(), own[:, 1].max() - high)
    return bool(high > low and further > FURTHER * (high - low))


def are_chosen(ranges: RangeChoice, grid: int, calls: Iterable[Mapping[str, Array]]) -> bool:
    """Whether other ranges than those by min-max are tried.

    Args:
        ranges: as the options of a stage have it.
        grid: of weights that are rounded with compensation, else 0.
    """
    return ranges == "chosen" or (ranges == "auto" and (grid > 0 or go_beyond(calls)))
