"""What comes before every figure: outputs that can be compared at all, and values that are finite."""

from __future__ import annotations

from typing import Any

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


def with_infinities(reference: Array, candidate: Array, *, is_half: bool = False) -> tuple[Array, Array]:
    """Both with Inf where the source is infinite and the candidate as good as that, of the same sign.

    As good as infinite is the largest number of an output's type: what a mask rules out is -Inf in one format
    and -3.4e38 in another. In the source it counts so too, since such a number hides all others in any sum of
    squares. In a candidate it counts only where the source is infinite.

    Args:
        is_half: the candidate's weights are float16, so that what it holds of an infinity is 65,504.
    """
    if reference.dtype.kind != "f" or candidate.dtype.kind != "f":
        return reference, candidate
    infinite = is_infinite(reference, reference.dtype)
    if not infinite.any():
        return reference, candidate
    types = {reference.dtype, candidate.dtype, *([np.dtype(np.float16)] if is_half else [])}
    as_good = np.logical_or.reduce([is_infinite(candidate, each) for each in types])
    return made_infinite(reference, infinite), made_infinite(candidate, infinite & as_good)


def is_infinite(values: Array, dtype: np.dtype[Any]) -> Valid:
    """Where values are at the largest number of a type, or beyond; NaN is not.

    Within two units in the last place: a score is added to a mask of -65,504.
    """
    info = np.finfo(dtype)
    largest = float(info.max) * (1 - 2 * float(info.eps))
    with np.errstate(over="ignore"):  # of a limit that the values' own type does not reach
        return np.asarray((values >= largest) | (values <= -largest))


def made_infinite(values: Array, chosen: Valid) -> Array:
    """The values with Inf of their own sign at the chosen entries."""
    return np.where(chosen, np.copysign(np.array(np.inf, values.dtype), values), values)


def count_wrong_specials(reference: Array, candidate: Array) -> int:
    """Entries that are NaN, Inf or -Inf in one array and not the same in the other."""
    either = ~(np.isfinite(reference) & np.isfinite(candidate))
    a, b = reference[either], candidate[either]
    return int(((a != b) & ~(np.isnan(a) & np.isnan(b))).sum())
