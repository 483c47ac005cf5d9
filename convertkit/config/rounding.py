"""How weights and ranges of activations are chosen, and how `auto` and `best` are spelt out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from convertkit.artifacts.transformation import RANGES

Rounding = Literal["auto", "best", "nearest", "compensated"]
RangeChoice = Literal["auto", "minmax", "chosen"]

ONE_GRID = "rounding with compensation is on a grid of each channel: per_channel has to be true"
MOST_SAMPLES = 64
"""Calibration samples that serve for it, at most."""


def check_rounding(rounding: Rounding, *, per_channel: bool) -> None:
    """Raise ValueError where weights cannot be rounded as asked."""
    if rounding in ("best", "compensated") and not per_channel:
        raise ValueError(ONE_GRID)


def roundings(asked: Rounding) -> tuple[Rounding, ...]:
    """The ways to round that are tried at first."""
    if asked == "best":
        return ("nearest", "compensated")
    return ("nearest",) if asked == "auto" else (asked,)


def may_be_plainer(rounding: Rounding, ranges: RangeChoice, done: Collection[str]) -> bool:
    """Whether ranges by min-max are tried where others were chosen: samples unlike the others may be rare."""
    return rounding == "best" and ranges == "auto" and RANGES in done
