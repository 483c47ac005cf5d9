"""How far every tensor of an artifact is from its reference, where `blame` ran: a part of the report."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from convertkit.report.blame import Blame


class TensorDrift(msgspec.Struct, frozen=True):
    """One tensor beside its counterpart; `report.blame.BlameRow` says more.

    Attributes:
        module: PyTorch path; empty where it is unknown.
        lost: fraction of the information that is noise, 0 to 1.
        added: what of it the operator adds to what its inputs had lost.
        has_nan: it or its counterpart has NaN.
    """

    tensor: str
    operator: str
    module: str
    sqnr_db: float
    lost: float
    added: float
    has_nan: bool = False


class Drift(msgspec.Struct, frozen=True):
    """Two artifacts.

    Attributes:
        candidate, reference: variants, in full.
        samples: how many were run.
        tensors: in the order of execution.
        unmatched: how many tensors have no counterpart.
    """

    candidate: str
    reference: str
    samples: int
    tensors: tuple[TensorDrift, ...]
    unmatched: int = 0


def drift_of(blames: Iterable[Blame]) -> tuple[Drift, ...]:
    """The drift of every pair in which tensors could be compared."""
    return tuple(
        Drift(each.candidate, each.reference, each.samples, tensors_of(each), len(each.unmatched))
        for each in blames
        if each.rows
    )


def tensors_of(blame: Blame) -> tuple[TensorDrift, ...]:
    """The rows of a comparison in the order of execution."""
    return tuple(
        TensorDrift(row.tensor, row.operator, row.module, row.sqnr_db, row.lost, row.added, row.has_nan)
        for row in blame.in_order
    )


def merged(known: tuple[Drift, ...], found: tuple[Drift, ...]) -> tuple[Drift, ...]:
    """Those that were known, of the same pairs those that were found now, and what was found besides."""
    rows = {(each.candidate, each.reference): each for each in (*known, *found)}
    return tuple(rows.values())
