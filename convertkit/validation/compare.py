"""Numbers that say how far one set of outputs is from another. NumPy only; judges nothing."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from convertkit.artifacts.signature import Array

LARGEST_SQNR_DB = 200.0
LARGEST_ERROR = float(np.finfo(np.float64).max)

Float64 = npt.NDArray[np.float64]


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
    """

    name: str
    max_abs_error: float
    rmse: float
    cosine: float | None
    sqnr_db: float
    top1_agreement: float | None
    agreement: float | None = None


def output_metrics(name: str, reference: Array, candidate: Array) -> OutputMetrics:
    """Differences of two arrays of the same shape; entries where the reference is not finite are left out."""
    finite = np.isfinite(reference.astype(np.float64))
    wanted: Float64 = reference[finite].astype(np.float64)
    error: Float64 = candidate[finite].astype(np.float64) - wanted
    if not np.isfinite(error).all():
        agreement = top1_agreement(reference, candidate)
        return OutputMetrics(name, LARGEST_ERROR, LARGEST_ERROR, None, -LARGEST_SQNR_DB, agreement)
    return OutputMetrics(
        name=name,
        max_abs_error=float(np.abs(error).max(initial=0.0)),
        rmse=float(np.sqrt(np.mean(error**2))) if error.size else 0.0,
        cosine=cosine(wanted, wanted + error),
        sqnr_db=sqnr_db(wanted, error),
        top1_agreement=top1_agreement(reference, candidate),
        agreement=float(np.mean(reference == candidate)) if is_discrete(reference) else None,
    )


def is_discrete(values: Array) -> bool:
    """True for integers and booleans."""
    return values.dtype.kind in "iub"


def cosine(a: Float64, b: Float64) -> float | None:
    """Cosine of the angle between two vectors; None where one of them is all zero."""
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b / norms) if norms > 0 else None


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


def top1_agreement(reference: Array, candidate: Array) -> float | None:
    """Fraction of rows along the last axis whose largest entry is at the same place."""
    if reference.ndim < 2 or reference.shape[-1] < 2 or reference.size == 0:
        return None
    return float(np.mean(reference.argmax(-1) == candidate.argmax(-1)))


def top1_accuracy(scores: Array, labels: Array) -> float:
    """Fraction of samples whose largest score is at the label.

    Args:
        scores: [samples, classes].
        labels: [samples], integer.
    """
    return float(np.mean(scores.argmax(-1) == labels))
