"""An output by samples: which of them are lost, as rows of the samples' file."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from convertkit.artifacts.signature import Array
from convertkit.validation.compare import SampleFigure
from convertkit.validation.noise import excused_sample_error
from convertkit.validation.powers import Float64, Powers, Valid, expanded
from convertkit.validation.slices import range_limit
from convertkit.validation.tolerance import Tolerance

QUANTILE = 5
MOST_LOST = 0.25
MOST_MIXED_UP = 0.01
FAR_WORSE = 10.0  # in power, than the median sample
FEWEST_SAMPLES = 3
MOST_NAMED = 5


class SampleVerdict(msgspec.Struct, frozen=True):
    """What is known of an output's samples.

    Attributes:
        p5_db: 5th percentile of their SQNR; None for a single one.
        lost: how many are below the tolerance, without an excuse.
        worst: the worst of those.
        fault: why the output fails, one line; empty where it does not.
        note: which samples are lost where too few are for a fault; empty where none is.
    """

    p5_db: float | None
    lost: int
    worst: tuple[SampleFigure, ...]
    fault: str = ""
    note: str = ""


def judge_samples(
    name: str,
    reference: Array,
    powers: Powers,
    noise: Powers | None,
    tolerance: Tolerance,
    *,
    rows: Sequence[int],
    valid: Valid | None = None,
) -> SampleVerdict:
    """Which samples of an output are lost.

    Args:
        rows: of each sample, its place in the samples' file.
        valid: entries that count, of the leading axes; None: all.
    """
    decibels = powers.sample_sqnr_db
    is_lost = lost_samples(decibels, powers, noise, tolerance)
    numbers = np.flatnonzero(is_lost)
    worst = figures(numbers, decibels, rows)
    p5 = float(np.percentile(decibels, QUANTILE)) if len(decibels) > 1 else None
    verdict = SampleVerdict(p5, len(numbers), worst)
    mixed = mixed_up(reference, powers, noise, tolerance, valid)
    if mixed.sum() > (MOST_MIXED_UP * len(mixed) if tolerance.levels else 0):
        listing = described(figures(np.flatnonzero(mixed), decibels, rows))
        fault = f"output '{name}': as wrong as another sample's in {counted(mixed)} ({listing})"
        return msgspec.structs.replace(verdict, fault=fault)
    if not len(numbers):
        return verdict
    text = (
        f"output '{name}': {counted(is_lost)} {'is' if len(numbers) == 1 else 'are'} lost, below "
        f"{tolerance.min_sample_sqnr_db:g} dB SQNR ({described(worst)})"
    )
    is_fault = len(decibels) > 1 and len(numbers) >= MOST_LOST * len(decibels)
    return msgspec.structs.replace(verdict, **{"fault" if is_fault else "note": text})


def lost_samples(decibels: Float64, powers: Powers, noise: Powers | None, tolerance: Tolerance) -> Valid:
    """Samples below their tolerance, unless the error is the source's own noise or small in a fixed range."""
    error = powers.sample_error / np.maximum(powers.sample_count, 1)
    excused = excused_sample_error(len(error), noise, powers.rounding)
    limit = range_limit(powers, tolerance)
    return (decibels < tolerance.min_sample_sqnr_db) & (error > excused) & (powers.sample_peak > limit)


def mixed_up(
    reference: Array, powers: Powers, noise: Powers | None, tolerance: Tolerance, valid: Valid | None
) -> Valid:
    """Samples that are as far from the source's as another sample would be, while the others are not.

    An offset that all samples share hides them from a plain SQNR. Measured by the larger of what the sample
    itself and the mean sample differ from the mean over the samples.
    """
    error, count = powers.sample_error, len(powers.sample_error)
    usual = float(powers.positions.varied.sum()) / count
    factor = 10 ** (-tolerance.min_variation_db / 10)
    if count < FEWEST_SAMPLES or usual == 0:
        return np.zeros(count, bool)
    excused = excused_sample_error(count, noise, powers.rounding) * powers.sample_count
    suspects = (error > np.maximum(FAR_WORSE * np.median(error), excused)) & (error >= factor * usual)
    sums = powers.positions
    mean = sums.total / np.maximum(sums.count, 1)
    for number in np.flatnonzero(suspects):
        values = reference[number].astype(np.float64)
        ok = np.isfinite(values)
        if valid is not None:
            ok &= expanded(valid[number], values.ndim) if valid.ndim > 1 else bool(valid[number])
        deviation = float(np.sum((values - mean) ** 2, where=ok))
        suspects[number] = error[number] >= factor * deviation
    return np.asarray(suspects)


def figures(
    numbers: npt.NDArray[np.intp], decibels: Float64, rows: Sequence[int]
) -> tuple[SampleFigure, ...]:
    """The worst of some samples, at most five, the worst first."""
    order = sorted(numbers.tolist(), key=lambda number: float(decibels[number]))
    return tuple(SampleFigure(int(rows[n]), float(decibels[n])) for n in order[:MOST_NAMED])


def described(worst: Sequence[SampleFigure]) -> str:
    """`rows 17, 3 of the samples, -2.1 dB at worst`."""
    word = "row" if len(worst) == 1 else "rows"
    return f"{word} {', '.join(str(w.row) for w in worst)} of the samples, {worst[0].sqnr_db:.1f} dB at worst"


def counted(chosen: Valid) -> str:
    """`3 of 64 samples`."""
    return f"{int(chosen.sum())} of {len(chosen)} samples"
