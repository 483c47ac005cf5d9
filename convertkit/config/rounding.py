"""How weights come to their integers, and how `auto` and `best` are spelt out."""

from __future__ import annotations

from typing import Literal

Rounding = Literal["auto", "best", "nearest", "compensated"]

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
