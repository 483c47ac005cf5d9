"""Numbers that say how far one set of outputs is from another. NumPy only; judges nothing."""

from __future__ import annotations

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array
from convertkit.validation.powers import LARGEST_SQNR_DB, Float64, Powers, Valid, expanded, measure_powers

LARGEST_ERROR = float(np.finfo(np.float64).max)


class WorstSlice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The slice of an output with the lowest SQNR: `index` along `axis`; the samples' axis is 0."""

    axis: int
    index: int
    sqnr_db: float


class SampleFigure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The SQNR of one sample; `row` is its place in the samples' file, from 0."""

    row: int
    sqnr_db: float


class OutputMetrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Differences of one output, over all samples.

    Attributes:
        max_abs_error, rmse: in the output's own units; 1.8e308 where the candidate is not finite, since
            JSON has no Inf.
        cosine: of the two outputs as vectors; null where one of them is all zero or not finite.
        sqnr_db: 10 log10(signal power / error power), decibels; at most 200, which means identical.
            Unlike cosine it sees a wrong scale.
        top1_agreement: fraction of rows (last axis) with the same largest entry; null for rank < 2.
        agreement: fraction of equal entries of an integer or boolean output, for which SQNR says nothing
            (class numbers, masks); null for floats.
        worst_slice: of the slices along axes of 2 to 256, those left out that are noise in the source itself;
            null where there is none.
        variation_db: lowest ratio of what differs between samples to its error, of the slices that are asked
            for it; null where none is.
        sample_sqnr_p5_db: 5th percentile of the samples' SQNR; null for integers and for one sample.
        noise_floor_db: SQNR of the source against itself in other batches; null where it is exact or unknown.
        lost_samples: how many samples are below the tolerance of samples.
        worst_samples: the worst of those, at most five.
    """

    name: str
    max_abs_error: float
    rmse: float
    cosine: float | None
    sqnr_db: float
    top1_agreement: float | None
    agreement: float | None = None
    worst_slice: WorstSlice | None = None
    sample_sqnr_p5_db: float | None = None
    noise_floor_db: float | None = None
    lost_samples: int = 0
    worst_samples: tuple[SampleFigure, ...] = ()
    variation_db: float | None = None


def output_metrics(
    name: str,
    reference: Array,
    candidate: Array,
    *,
    powers: Powers | None = None,
    valid: Valid | None = None,
) -> OutputMetrics:
    """Differences of two arrays of the same shape; entries where the reference is not finite are left out.

    Args:
        powers: the sums of both, where they are known already.
        valid: entries to count, of the leading axes; None: all.
    """
    powers = powers or measure_powers(reference, candidate, valid)
    top1 = top1_agreement(reference, candidate, valid)
    if not powers.is_finite:
        return OutputMetrics(name, LARGEST_ERROR, LARGEST_ERROR, None, -LARGEST_SQNR_DB, top1)
    whole = powers.whole
    norms = float(np.sqrt(whole.signal * whole.candidate_signal))
    return OutputMetrics(
        name=name,
        max_abs_error=float(whole.peak),
        rmse=float(np.sqrt(whole.mean_square_error)),
        cosine=float(np.clip(powers.product / norms, -1.0, 1.0)) if norms > 0 else None,
        sqnr_db=float(whole.sqnr_db),
        top1_agreement=top1,
        agreement=agreement(reference, candidate, valid) if is_discrete(reference) else None,
    )


def is_discrete(values: Array) -> bool:
    """True for integers and booleans."""
    return values.dtype.kind in "iub"


def sqnr_db(signal: Float64, error: Float64) -> float:
    """Signal to quantization-noise ratio: 10 log10(Σ signal² / Σ error²).

    Returns:
        Decibels, within ±200: 200 without any error, -200 for any error against a signal of zero.
    """
    noise = float(np.sum(error**2))
    power = float(np.sum(signal**2))
    if noise == 0:
        return LARGEST_SQNR_DB
    if power == 0:
        return -LARGEST_SQNR_DB
    return float(np.clip(10 * np.log10(power / noise), -LARGEST_SQNR_DB, LARGEST_SQNR_DB))


def agreement(reference: Array, candidate: Array, valid: Valid | None = None) -> float:
    """Fraction of equal entries."""
    same = reference == candidate
    if valid is None:
        return float(np.mean(same))
    if not valid.any():
        return 0.0
    return float(np.mean(same, where=np.broadcast_to(expanded(valid, same.ndim), same.shape)))


def top1_agreement(reference: Array, candidate: Array, valid: Valid | None = None) -> float | None:
    """Fraction of rows along the last axis whose largest entry is at the same place."""
    if reference.ndim < 2 or reference.shape[-1] < 2 or reference.size == 0:
        return None
    same = reference.argmax(-1) == candidate.argmax(-1)
    if valid is None:
        return float(np.mean(same))
    if valid.ndim > same.ndim or not valid.any():
        return None
    return float(np.mean(same, where=np.broadcast_to(expanded(valid, same.ndim), same.shape)))


def top1_accuracy(scores: Array, labels: Array) -> float:
    """Fraction of samples whose largest score is at the label.

    Args:
        scores: [samples, classes].
        labels: [samples], integer.
    """
    return float(np.mean(scores.argmax(-1) == labels))
