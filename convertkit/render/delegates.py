"""What delegates would take of a `.tflite`, in words: a line a delegate, and the tensors that a run sizes."""

from __future__ import annotations

from collections.abc import Mapping

from convertkit.config.run_settings import DelegateName
from convertkit.delegates.forecast import Delegation, Forecast

MOST = 4
NAMES: Mapping[DelegateName, str] = {
    "xnnpack": "XNNPACK",
    "gpu": "GPU delegate",
    "nnapi": "NNAPI, integers",
}


def delegate_lines(delegation: Delegation | None) -> list[str]:
    """`GPU delegate: 31 of 34 operators, in 3 parts; GATHER_ND x3: not supported`, and dynamic tensors."""
    if delegation is None:
        return []
    lines = [f"{NAMES[row.delegate]}: {describe(row, delegation.operators)}" for row in delegation.delegates]
    dynamic = delegation.dynamic_tensors
    if dynamic:
        count = f"{len(dynamic)} dynamic tensor{'' if len(dynamic) == 1 else 's'}, sized by a run alone"
        lines.append(f"{count}: {', '.join(dynamic[:MOST])}{' …' if len(dynamic) > MOST else ''}")
    return lines


def describe(row: Forecast, operators: int) -> str:
    """`31 of 34 operators, in 3 parts; GATHER_ND x3: not supported`."""
    parts = f", in {row.parts} parts" if row.parts > 1 else ""
    left = [each.describe() for each in row.fallbacks[:MOST]]
    more = len(row.fallbacks) - len(left)
    told = [f"{share(row, operators)} operators{parts}", *left, *([f"{more} more"] if more > 0 else [])]
    return "; ".join([*told, *([row.refused] if row.refused else [])])


def share(row: Forecast, operators: int) -> str:
    """`all 19`, `31 of 34`, `none of 19`; none where the delegate refuses the graph."""
    if row.is_full:
        return f"all {operators}"
    return f"{row.taken} of {operators}" if row.taken and not row.refused else f"none of {operators}"


def delegates_in_short(delegation: Delegation) -> str:
    """`GPU delegate 31 of 34; NNAPI, integers none of 34`: all but XNNPACK."""
    rows = [row for row in delegation.delegates if row.delegate != "xnnpack"]
    return "; ".join(f"{NAMES[row.delegate]} {share(row, delegation.operators)}" for row in rows)
