"""Constancy: an artifact that gives one answer where the source gives several; no tolerance excuses it.

It is relative: to how much the source varies, and to what the source and its type can hold apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convertkit.artifacts.signature import Array
from convertkit.validation.compare import is_discrete
from convertkit.validation.noise import excused_error
from convertkit.validation.powers import Float64, Powers, Sums, Valid
from convertkit.validation.slices import Slices, place, rounding_by_slice

CONSTANT_SHARE = 1e-4  # of the source's variation, in power: a hundredth in amplitude is no answer either
FEWEST_SAMPLES = 2
MOST_VALUES = 1024
SHARE_OF_VALUE = 0.05
FEWEST_OF_VALUE = 3


def constancy_fault(name: str, powers: Powers, noise: Powers | None) -> str:
    """Whether the whole output is constant, or the same for every sample, and the source's is not."""
    whole = powers.whole
    own = excused_error(whole, None, noise, powers.rounding) * whole.count
    if is_lost(whole.spread, whole.candidate_spread, own):
        return f"output '{name}' is constant ({float(whole.candidate_mean):.6g}), the source's is not"
    if len(powers.sample_count) >= FEWEST_SAMPLES and is_lost(whole.varied, whole.candidate_varied, own):
        return f"output '{name}' is the same for every sample, the source's is not"
    return ""


def slice_constancy_fault(name: str, found: Sequence[Slices], powers: Powers, noise: Powers | None) -> str:
    """The same of slices: which of them are constant, and at what value."""
    for each in found:
        sums = each.sums
        own = excused_error(sums, each.axis - 1, noise, 0.0)
        own = np.maximum(own, rounding_by_slice(powers, sums)) * sums.count
        constant = each.is_judged & is_lost(sums.spread, sums.candidate_spread, own)
        if constant.any():
            lowest = float(each.sqnr_db[constant].min())
            where = place(name, each.axis, constant)
            return f"{where}: {lowest:.1f} dB, {constants(sums, constant)}, the source's is not"
        same = each.is_judged & is_lost(sums.varied, sums.candidate_varied, own)
        if same.any() and len(powers.sample_count) >= FEWEST_SAMPLES:
            return f"{place(name, each.axis, same)}: the same for every sample, the source's is not"
    return ""


def is_lost(varied: Float64, candidate_varied: Float64, own: Float64) -> Valid:
    """True where the source varies by more than its own noise, and the candidate hardly does."""
    return np.asarray((varied > own) & (candidate_varied <= CONSTANT_SHARE * varied))


def constants(sums: Sums, chosen: Valid) -> str:
    """`constant 0`, or `constant` where the slices have different values."""
    values = sums.candidate_mean[chosen]
    return f"constant {values[0]:.3g}" if np.allclose(values, values[0]) else "constant"


def missing_value_fault(name: str, reference: Array, candidate: Array) -> str:
    """A number that the source's integer output gives often, and the artifact's never: a lost class."""
    if not is_discrete(reference) or reference.dtype.kind == "b":
        return ""
    values, counts = np.unique(reference, return_counts=True)
    if len(values) > MOST_VALUES:
        return ""
    often = counts >= max(FEWEST_OF_VALUE, SHARE_OF_VALUE * reference.size)
    for value, count in zip(values[often], counts[often], strict=True):
        if not (candidate == value).any():
            share = f"{count} of {reference.size} entries"
            return f"output '{name}' is never {value}, which the source gives in {share}"
    return ""
