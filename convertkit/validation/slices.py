"""An output by slices: along each axis short enough to be channels, what one figure over all of it hides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from convertkit.validation.compare import WorstSlice
from convertkit.validation.noise import excused_error
from convertkit.validation.powers import Float64, Powers, Sums, Valid, ratio_db
from convertkit.validation.tolerance import Tolerance

LONGEST_AXIS = 256
MOST_FEATURES = 4096  # of [samples, features], where no axis is one of places
FEWEST_ENTRIES = 8  # of a slice: fewer say nothing of it
RANGE_ROOM_DB = 6.0
RANGE_SLACK = 1e-5  # a softmax adds up to 1 but for rounding
MOST_RANGES = 4
STEPS_OF_ROOM = 2.0


class Slices(msgspec.Struct, frozen=True):
    """The slices along one axis of an output.

    Attributes:
        axis: counts the samples' axis as 0.
        sums: one entry a slice.
        is_judged: enough entries, an error, and one that is neither noise in the source itself nor harmless.
        is_told: judged, or as good as is asked for: may be the worst slice of a report.
    """

    axis: int
    sums: Sums
    is_judged: Valid
    is_told: Valid
    sqnr_db: Float64


def slices_of(powers: Powers, noise: Powers | None, tolerance: Tolerance) -> Iterator[Slices]:
    """The slices along every axis of 2 to 256 but the samples'; of up to 4096 where it is the only one."""
    limit, shape = range_limit(powers, tolerance), powers.positions.count.shape
    for axis, size in enumerate(shape):
        if not 2 <= size <= (MOST_FEATURES if len(shape) == 1 else LONGEST_AXIS):
            continue
        sums = powers.positions.along(axis)
        excused = excused_error(sums, axis, noise, powers.rounding)
        decibels, is_long = slice_sqnr_db(sums), sums.count >= FEWEST_ENTRIES
        is_judged = is_long & (sums.mean_square_error > excused) & (sums.peak > limit)
        is_good = is_long & (decibels >= tolerance.min_slice_sqnr_db)
        yield Slices(axis + 1, sums, is_judged, is_judged | is_good, decibels)


def slice_sqnr_db(sums: Sums) -> Float64:
    """Of each slice, decibels; a slice without any signal is measured by the median slice that has some."""
    has_signal = sums.signal > 0
    usual = np.median(sums.mean_square[has_signal]) if has_signal.any() else 0.0
    return ratio_db(np.where(has_signal, sums.signal, usual * sums.count), sums.error)


def range_limit(powers: Powers, tolerance: Tolerance) -> float:
    """The largest error that harms nobody in an output of 0 to 1, whose range is fixed; -1 for others.

    6 dB below what the whole output may be wrong by, relative to the range that its values have.
    """
    is_fixed = powers.dtype.kind == "f" and powers.low >= -RANGE_SLACK and powers.high <= 1 + RANGE_SLACK
    if not is_fixed:
        return -1.0
    span = powers.high - powers.low
    return float(span * 10 ** (-(tolerance.min_sqnr_db + RANGE_ROOM_DB) / 20))


def worst_slice(found: Sequence[Slices]) -> WorstSlice | None:
    """The slice with the lowest SQNR, of any axis, of those that may be told."""
    worst: WorstSlice | None = None
    for each in found:
        if not each.is_told.any():
            continue
        index = int(np.where(each.is_told, each.sqnr_db, np.inf).argmin())
        if worst is None or each.sqnr_db[index] < worst.sqnr_db:
            worst = WorstSlice(each.axis, index, float(each.sqnr_db[index]))
    return worst


def slice_fault(name: str, found: Sequence[Slices], tolerance: Tolerance) -> str:
    """Which slices are below their tolerance, the axis with the worst of them; empty where none is."""
    floor = tolerance.min_slice_sqnr_db
    bad = [(each, each.is_judged & (each.sqnr_db < floor)) for each in found]
    bad = [(each, below) for each, below in bad if below.any()]
    if not bad:
        return ""
    each, below = min(bad, key=lambda pair: float(pair[0].sqnr_db[pair[1]].min()))
    lowest = float(each.sqnr_db[below].min())
    return f"{place(name, each.axis, below)}: {lowest:.1f} dB SQNR, below {floor:g} dB for a slice"


def variation_fault(
    name: str, found: Sequence[Slices], powers: Powers, noise: Powers | None, tolerance: Tolerance
) -> str:
    """Which slices keep their offset and lose what differs between samples; empty where none does.

    A float artifact may be off by the same in every sample. An integer one may not, but it may round away a
    variation of few steps of its range. A variation that is rounding or noise in the source proves nothing.
    """
    floor = tolerance.min_variation_db
    for each in found:
        decibels = variation_db(each, powers, noise, tolerance)
        below = decibels < floor
        if below.any():
            lowest = float(decibels[below].min())
            return (
                f"{place(name, each.axis, below)}: what differs between samples has {lowest:.1f} dB SQNR, "
                f"below {floor:g} dB"
            )
    return ""


def variation_db(each: Slices, powers: Powers, noise: Powers | None, tolerance: Tolerance) -> Float64:
    """What differs between samples over its error, decibels, of each slice; infinite where none is asked."""
    sums = each.sums
    own = np.maximum(rounding_by_slice(powers, sums), rounding_of_steps(powers, tolerance))
    excused = np.maximum(excused_error(sums, each.axis - 1, noise, powers.rounding), own) * sums.count
    error = sums.error if tolerance.levels else sums.error_varied
    is_asked = each.is_judged & (error > excused) & (sums.varied > excused)
    return np.where(is_asked, ratio_db(sums.varied, error), np.inf)


def least_variation_db(
    found: Sequence[Slices], powers: Powers, noise: Powers | None, tolerance: Tolerance
) -> float | None:
    """The lowest of all slices; None where it is asked of none."""
    lowest = min(
        (float(variation_db(each, powers, noise, tolerance).min()) for each in found), default=np.inf
    )
    return lowest if np.isfinite(lowest) else None


def rounding_of_steps(powers: Powers, tolerance: Tolerance) -> float:
    """Mean square of two steps of an integer artifact's range, which has 0 in it; 0 for floats."""
    if not tolerance.levels:
        return 0.0
    span = max(powers.high, 0.0) - min(powers.low, 0.0)
    return (STEPS_OF_ROOM * span / tolerance.levels) ** 2


def rounding_by_slice(powers: Powers, sums: Sums) -> Float64:
    """Mean square of what the source's type cannot hold apart in each slice."""
    share = powers.rounding / max(float(powers.whole.mean_square), np.finfo(np.float64).tiny)
    return share * sums.mean_square


def place(name: str, axis: int, chosen: Valid) -> str:
    """`output 'boxes', axis 1, 4..9`."""
    return f"output '{name}', axis {axis}, {ranges(np.flatnonzero(chosen))}"


def ranges(numbers: npt.NDArray[np.intp]) -> str:
    """`4..9, 12`: neighbours merged, at most four ranges named."""
    groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    words = [f"{g[0]}..{g[-1]}" if len(g) > 1 else f"{g[0]}" for g in groups[:MOST_RANGES]]
    left = sum(len(group) for group in groups[MOST_RANGES:])
    return ", ".join(words) + (f" and {left} more" if left else "")
