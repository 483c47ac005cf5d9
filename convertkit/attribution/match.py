"""Which tensor of one artifact is which of another: by name, or by value under a permutation of axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import permutations

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array
from convertkit.attribution.specials import fit_db
from convertkit.attribution.trace import Trace
from convertkit.validation.structure import is_infinite

CONVERSIONS = frozenset(["QUANTIZE", "DEQUANTIZE"])
SURE_DB = 40.0  # of a match by value: a hundredth of the values' size is noise at most
SURE_QUANTIZED_DB = 20.0
MOST_AXES = 5
SUMMARY_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
SUMMARY_TOLERANCE = 0.1

Order = tuple[int, ...]
Summary = tuple[tuple[int, ...], Array]


class Match(msgspec.Struct, frozen=True):
    """The reference's tensor that a candidate's tensor stands for.

    Attributes:
        reference: its position in the reference's trace.
        order: `candidate = transpose(reference, order)`, but for the error.
    """

    reference: int
    order: Order


def match(reference: Trace, candidate: Trace) -> dict[int, Match]:
    """Position in the candidate's trace → what it stands for; tensors without a counterpart are left out."""
    found = match_by_name(reference, candidate)
    found |= match_by_value(reference, candidate, set(found))
    return through_conversions(candidate, found)


def match_by_name(reference: Trace, candidate: Trace) -> dict[int, Match]:
    """Counterparts of the same name, or one of whose aliases is the other's name or alias.

    Where several tensors answer to an alias (the steps of one operator, or operators that became one), the
    two whose values are nearest belong together.
    """
    named = positions_by_name(reference)
    found: dict[int, Match] = {}
    by_alias: dict[int, tuple[float, int, Match]] = {}
    for position, tensor in enumerate(candidate.tensors):
        value = candidate.value(position)
        same = reference.positions.get(tensor.name)
        best = nearest(value, reference, [same]) if same is not None else None
        if best is not None:
            found[position] = best[0]
            continue
        rivals = dict.fromkeys(rival for name in tensor.aliases for rival in named.get(name, ()))
        best = nearest(value, reference, list(rivals))
        if best is not None:
            claim = (best[1], position, best[0])
            by_alias[best[0].reference] = max(
                claim, by_alias.get(best[0].reference, claim), key=lambda c: c[:2]
            )
    taken = {each.reference for each in found.values()}
    return found | {position: each for _, position, each in by_alias.values() if each.reference not in taken}


def positions_by_name(trace: Trace) -> dict[str, list[int]]:
    """Every name and alias → positions of the tensors that have it."""
    named: dict[str, list[int]] = {}
    for position, tensor in enumerate(trace.tensors):
        for name in dict.fromkeys((tensor.name, *tensor.aliases)):
            named.setdefault(name, []).append(position)
    return named


def nearest(value: Array, reference: Trace, rivals: Iterable[int]) -> tuple[Match, float] | None:
    """The best fitting of some tensors of the reference, and its SQNR; None where no shape fits."""
    fits = [
        (Match(rival, order), decibels)
        for rival in rivals
        for order, decibels in [best_order(reference.value(rival), value)]
        if order is not None
    ]
    return max(fits, key=lambda fit: fit[1], default=None)


def best_order(reference: Array, candidate: Array) -> tuple[Order | None, float]:
    """The permutation of axes under which two tensors are nearest, and their SQNR then."""
    best: tuple[Order | None, float] = (None, -np.inf)
    for order in fitting_orders(reference.shape, candidate.shape):
        decibels = fit_db(reference.transpose(order), candidate)
        if decibels > best[1]:
            best = order, decibels
    return best


def fitting_orders(reference: tuple[int, ...], candidate: tuple[int, ...]) -> Iterator[Order]:
    """Permutations that give the candidate's shape, the plain one first; the sample axis stays in front."""
    rank = len(reference)
    if rank != len(candidate) or sorted(reference) != sorted(candidate):
        return
    if reference == candidate:
        yield tuple(range(rank))
    if not 2 < rank <= MOST_AXES:
        return
    for rest in permutations(range(1, rank)):
        order = (0, *rest)
        if order != tuple(range(rank)) and tuple(reference[axis] for axis in order) == candidate:
            yield order


def match_by_value(reference: Trace, candidate: Trace, done: set[int]) -> dict[int, Match]:
    """Counterparts of the tensors that no name tells: the nearest of those with the same distribution.

    A tensor that has a name in the reference, but stands for nothing there, is a step of its own: left out.
    """
    named = positions_by_name(reference)
    left = [
        position
        for position, tensor in enumerate(candidate.tensors)
        if position not in done and not any(alias in named for alias in tensor.aliases)
    ]
    if not left:
        return {}
    summaries = [summary(reference.value(position)) for position in range(len(reference.tensors))]
    found = {}
    for position in left:
        value = candidate.value(position)
        wanted = summary(value)
        rivals = [rival for rival, other in enumerate(summaries) if is_alike(wanted, other)]
        best = nearest(value, reference, rivals)
        sure = SURE_QUANTIZED_DB if candidate.tensors[position].is_quantized else SURE_DB
        if best is not None and best[1] >= sure:
            found[position] = best[0]
    return found


def through_conversions(candidate: Trace, matches: dict[int, Match]) -> dict[int, Match]:
    """The matches, and those across QUANTIZE and DEQUANTIZE, whose two sides stand for the same tensor."""
    found = dict(matches)
    for position, tensor in enumerate(candidate.tensors):
        if tensor.operator in CONVERSIONS and tensor.inputs:
            source = candidate.positions[tensor.inputs[0]]
            if position in found:
                found.setdefault(source, found[position])
            elif source in found:
                found[position] = found[source]
    return dict(sorted(found.items()))


def summary(value: Array) -> Summary:
    """What no permutation changes: sizes of the axes, the number of NaN, quantiles of the finite values."""
    finite = value[~np.isnan(value) & ~is_infinite(value, value.dtype)]
    quantiles = np.quantile(finite, SUMMARY_QUANTILES) if finite.size else np.zeros(len(SUMMARY_QUANTILES))
    return (*sorted(value.shape), int(np.isnan(value).sum())), quantiles


def is_alike(one: Summary, other: Summary) -> bool:
    """True where sizes and the number of NaN are the same, and the distributions nearly so."""
    if one[0] != other[0]:
        return False
    spread = max(float(np.ptp(one[1])), float(np.ptp(other[1])))
    return bool(np.abs(one[1] - other[1]).max() <= SUMMARY_TOLERANCE * spread)
