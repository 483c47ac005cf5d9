"""What a transformation gains: outputs with it and without it beside those in float. NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from convertkit.artifacts.signature import Array, Arrays
from convertkit.quantization.ranges import first_fold
from convertkit.validation.powers import measure_powers
from convertkit.validation.slices import LONGEST_AXIS, slice_sqnr_db

MOST_CALLS = 16
MOST_COMPARED = 64  # calls, where ranges are compared
LEAST_GAIN_DB = 1.0  # by which other ranges than those by min-max are taken
Model = TypeVar("Model")
Run = Callable[[Model, Sequence[Arrays]], Sequence[Arrays]]


def gain_db(
    run: Run[Model],
    float32: Model,
    without: Model,
    made: Model,
    steps: Iterable[Arrays],
    most: int = MOST_CALLS,
) -> float:
    """Lowest SQNR of any slice of any output of `made` less that of `without`, decibels.

    Args:
        run: gives a model's outputs for each call.
        steps: inputs, one call each.
        most: how many of them serve, from the first.
    """
    calls = list(islice(steps, most))
    wanted, before, after = (run(model, calls) for model in (float32, without, made))
    return lowest_db(wanted, after) - lowest_db(wanted, before)


class ByRanges(NamedTuple, Generic[Model]):
    """A model made by ranges that were chosen, and what tells whether they are the better ones.

    Attributes:
        made: by the ranges chosen, of all calls.
        by_ends: by min-max of all calls but those of the first fold, on which both are compared.
        by_method: by the ranges chosen, of the same calls.
    """

    made: Model
    by_ends: Model
    by_method: Model


def gain_by_ranges(
    run: Run[Model], float32: Model, files: ByRanges[Model], calls: Sequence[Arrays]
) -> float | None:
    """What ranges gain that are not by min-max; None where that is too little to tell, or it does not run.

    An integer divisor may be rounded to zero by one range, and not by another.
    """
    try:
        run(files.made, calls[:MOST_COMPARED])
        gained = gain_db(run, float32, files.by_ends, files.by_method, first_fold(calls), MOST_COMPARED)
    except Exception:  # what runtimes raise has no class in common
        return None
    return gained if gained >= LEAST_GAIN_DB else None


def lowest_db(wanted: Sequence[Arrays], found: Sequence[Arrays]) -> float:
    """Lowest SQNR of any float output, and of any slice along an axis short enough to be channels."""
    figures: list[float] = []
    for name in wanted[0]:
        if np.issubdtype(wanted[0][name].dtype, np.floating):
            figures += figures_of(*(np.stack([each[name] for each in rows]) for rows in (wanted, found)))
    return min(figures, default=0.0)


def figures_of(wanted: Array, found: Array) -> list[float]:
    """SQNR of the whole of an output, and of its worst slice along each short axis."""
    powers = measure_powers(wanted, found)
    axes = [axis for axis, size in enumerate(powers.positions.count.shape) if 2 <= size <= LONGEST_AXIS]
    worst = [float(slice_sqnr_db(powers.positions.along(axis)).min()) for axis in axes]
    return [float(powers.whole.sqnr_db), *worst]
