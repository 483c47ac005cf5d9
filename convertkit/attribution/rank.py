"""Which operator loses what: two artifacts compared tensor by tensor, each mapped to its PyTorch module.

The SQNR of a whole tensor hides the usual fault: one channel, or the boxes beside the scores, is so large
that the tensor's only scale leaves nothing of the others. So what is lost is counted slice by slice as well,
along every axis: the part of a slice's variance that is noise, at most all of it, on average over the slices
of the axis on which it is worst. What an operator adds is that less what its inputs had lost already.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from convertkit.artifacts.signature import Array
from convertkit.attribution.match import CONVERSIONS, match
from convertkit.attribution.modules import module_names
from convertkit.attribution.padding import without_padding
from convertkit.attribution.specials import fit_db, nan_apart, nan_share, same_specials
from convertkit.attribution.trace import Trace
from convertkit.report.blame import BlameRow
from convertkit.validation.powers import Valid
from convertkit.validation.structure import with_infinities

INPUT = "input"  # what every tracer calls an input
MOVES = frozenset(["RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS"])
SMALLEST_SPREAD = 1e-10  # of a slice's variance to the largest: a dead channel has nothing to lose


def rank(
    candidate: Trace,
    reference: Trace,
    sources: tuple[Trace, ...] = (),
    masks: Sequence[Valid] = (),
) -> tuple[tuple[BlameRow, ...], tuple[str, ...]]:
    """The rows of a `Blame`, worst first, and the names of the tensors without a counterpart.

    Args:
        sources: traces of the artifacts before the reference, back to one that names PyTorch modules, where
            the reference does not.
        masks: entries that count, of the first axes of the tensors that have them.
    """
    matches = match(reference, candidate)
    modules = module_names(candidate, (reference, *sources))
    lost: dict[int, float] = {}
    rows: list[BlameRow] = []
    for position, found in matches.items():
        tensor, value = candidate.tensors[position], candidate.value(position)
        wanted = reference.value(found.reference).transpose(found.order)
        wanted, value = without_padding(wanted, value, masks)
        if is_requantized(candidate, position):
            continue  # its consumer's demand, and so part of what that one adds
        lost[position] = lost_fraction(wanted, value)
        if tensor.operator.lower() == INPUT and not tensor.is_quantized:
            continue
        before = [lost[each] for each in candidate.before(position, lost.__contains__)]
        named = modules.get(position, ())
        rows.append(
            BlameRow(
                position=position,
                tensor=tensor.name,
                reference=reference.tensors[found.reference].name,
                operator=tensor.operator,
                module=named[0] if named else "",
                modules=named,
                inputs=tensor.inputs,
                consumers=candidate.consumers.get(tensor.name, ()),
                sqnr_db=fit_db(wanted, value),
                lost=lost[position],
                added=max(0.0, lost[position] - max(before, default=0.0)),
                nan=nan_share(value),
                nan_apart=nan_apart(wanted, value),
            )
        )
    unmatched = (t.name for position, t in enumerate(candidate.tensors) if position not in matches)
    return tuple(sorted(rows, key=urgency)), tuple(unmatched)


def urgency(row: BlameRow) -> tuple[int, float, int]:
    """NaN that the reference has not, NaN that it has, each from its first on; then who adds most."""
    if row.nan_apart:
        return 0, 0.0, row.position
    return (1, 0.0, row.position) if row.nan else (2, -round(row.added, 3), row.position)


def with_nan(candidate: Trace, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some tensors that have NaN."""
    return tuple(name for name in names if nan_share(candidate.value(candidate.positions[name])))


def lost_fraction(reference: Array, candidate: Array) -> float:
    """The fraction of a tensor's information that is noise, 0 to 1, on the axis where it is worst.

    Along each axis but the first: the mean over the slices of min(1, mean squared error / variance). NaN and
    Inf at the same places are left out; at other places all is lost.

    Args:
        reference, candidate: of the same shape, first axis = sample.
    """
    wanted, got = (values.astype(np.float64) for values in with_infinities(reference, candidate))
    special = same_specials(wanted, got)
    with np.errstate(invalid="ignore"):
        error = np.where(special, 0.0, got - wanted)
    if not np.isfinite(error).all():
        return 1.0
    wanted = np.where(special, np.mean(wanted[~special]) if not special.all() else 0.0, wanted)
    axes = [axis for axis in range(1, wanted.ndim) if wanted.shape[axis] > 1]
    if not axes:
        return lost_by_slice(np.array(np.mean(error**2)), np.array(np.var(wanted)))
    worst = 0.0
    for axis in axes:
        others = tuple(each for each in range(wanted.ndim) if each != axis)
        worst = max(worst, lost_by_slice(np.mean(error**2, others), np.var(wanted, others)))
    return worst


def lost_by_slice(noise: npt.NDArray[np.float64], variance: npt.NDArray[np.float64]) -> float:
    """Mean over the slices that vary of min(1, noise / variance)."""
    varies = variance > SMALLEST_SPREAD * variance.max(initial=0.0)
    if not varies.any():
        return float(noise.max(initial=0.0) > 0)
    return float(np.minimum(1.0, noise[varies] / variance[varies]).mean())


def is_requantized(candidate: Trace, position: int) -> bool:
    """True for integers that were integers before, at another scale, and for what only moves those."""
    tensor = candidate.tensors[position]
    if not tensor.inputs or not tensor.is_quantized:
        return False
    before = candidate.positions[tensor.inputs[0]]
    if tensor.operator in CONVERSIONS:
        return candidate.tensors[before].is_quantized
    return tensor.operator in MOVES and is_requantized(candidate, before)
