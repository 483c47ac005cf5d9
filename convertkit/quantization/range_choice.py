"""When ranges of activations are chosen. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from convertkit.artifacts.signature import Array
from convertkit.config.stage_options import RangeChoice
from convertkit.quantization.ranges import fold_of

FURTHER = 0.04  # of a range: by which samples go beyond it that it was not taken from


def go_beyond(calls: Sequence[Mapping[str, Array]]) -> bool:
    """True where a quarter of the calls goes clearly beyond what a float input has in the others."""
    for name, first in calls[0].items() if calls else ():
        if first.dtype.kind != "f" or not first.size:
            continue
        ends = np.array([(call[name].min(), call[name].max()) for call in calls], np.float64)
        folds = np.array([fold_of(number) for number in range(len(calls))])
        for fold in set(folds.tolist()):
            own, others = ends[folds == fold], ends[folds != fold]
            if not len(others):
                continue
            low, high = others[:, 0].min(), others[:, 1].max()
            further = max(low - own[:, 0].min(), own[:, 1].max() - high)
            if high > low and further > FURTHER * (high - low):
                return True
    return False


def are_chosen(ranges: RangeChoice, grid: int, calls: Sequence[Mapping[str, Array]]) -> bool:
    """Whether other ranges than those by min-max are tried.

    Args:
        ranges: as the options of a stage have it.
        grid: of weights that are rounded with compensation, else 0.
    """
    return ranges == "chosen" or (ranges == "auto" and (grid > 0 or go_beyond(calls)))
