"""Tensors with NaN and Inf: how well two of them fit, when NaN at the same places is no difference."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from convertkit.artifacts.signature import Array
from convertkit.validation.compare import sqnr_db
from convertkit.validation.powers import LARGEST_SQNR_DB
from convertkit.validation.structure import with_infinities

Mask = npt.NDArray[np.bool_]


def fit_db(reference: Array, candidate: Array) -> float:
    """SQNR of the entries that are finite in both, decibels; less where NaN or Inf stand at other places.

    A share w of the entries that are special in one tensor alone allows 10 log10((1 - w) / w) at most.
    """
    wanted, got = (values.astype(np.float64) for values in with_infinities(reference, candidate))
    finite = np.isfinite(wanted) & np.isfinite(got)
    decibels = sqnr_db(wanted[finite], got[finite] - wanted[finite])
    wrong = 1 - float(np.mean(finite | same_specials(wanted, got))) if wanted.size else 0.0
    if wrong == 0:
        return decibels
    return min(decibels, 10 * float(np.log10((1 - wrong) / wrong)) if wrong < 1 else -LARGEST_SQNR_DB)


def same_specials(reference: Array, candidate: Array) -> Mask:
    """Where both are NaN, or the same infinity."""
    both_nan: Mask = np.isnan(reference) & np.isnan(candidate)
    both_infinite: Mask = np.isinf(reference) & (reference == candidate)
    return both_nan | both_infinite


def nan_share(values: Array) -> float:
    """The fraction of entries that are NaN."""
    return float(np.mean(np.isnan(values))) if values.size else 0.0


def nan_apart(reference: Array, candidate: Array) -> float:
    """The fraction of entries that are NaN in one tensor and not in the other."""
    return float(np.mean(np.isnan(reference) != np.isnan(candidate))) if reference.size else 0.0
