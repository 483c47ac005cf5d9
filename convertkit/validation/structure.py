"""What comes before every figure: outputs that can be compared at all, and values that are finite."""

from __future__ import annotations

import numpy as np

from convertkit.artifacts.signature import Array, Arrays
from convertkit.validation.powers import Valid


def structural_fault(reference: Arrays, candidate: Arrays) -> str:
    """What makes two sets of outputs incomparable: names, count, shape, type; empty where nothing does."""
    if list(reference) != list(candidate):
        return f"outputs are {', '.join(candidate) or 'none'}, expected {', '.join(reference)}"
    for name, wanted in reference.items():
        got = candidate[name]
        if got.shape != wanted.shape:
            return f"output '{name}' has shape {list(got.shape)}, expected {list(wanted.shape)}"
        if np.dtype(got.dtype).kind != np.dtype(wanted.dtype).kind:
            return f"output '{name}' has type {got.dtype}, expected {wanted.dtype}"
        if wanted.size == 0:
            return f"output '{name}' is empty: there is nothing to compare"
    return ""


def finite_fault(name: str, reference: Array, candidate: Array, valid: Valid | None = None) -> str:
    """Values that are not finite where the source's are, or the reverse; or nothing finite at all.

    Args:
        valid: entries that count, of the leading axes; None: all.
    """
    if valid is not None:
        reference, candidate = reference[valid], candidate[valid]
    if not np.isfinite(reference).any():
        return f"output '{name}': the source itself gives no finite value, so nothing can be compared"
    wrong = count_wrong_specials(reference, candidate)
    return f"output '{name}' has {wrong} wrong NaN or Inf" if wrong else ""


def count_wrong_specials(reference: Array, candidate: Array) -> int:
    """Entries that are NaN, Inf or -Inf in one array and not the same in the other."""
    either = ~(np.isfinite(reference) & np.isfinite(candidate))
    a, b = reference[either], candidate[either]
    return int(((a != b) & ~(np.isnan(a) & np.isnan(b))).sum())
