"""Latencies beside that of the float artifact of the same format and of the source. Measures nothing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from convertkit.artifacts.formats import Precision
from convertkit.measurement.latency import Latency, compare
from convertkit.report.report import HopRecord

DIFFERENT_TIMES = (
    0.26  # medians of one artifact, timed one after another on a busy machine: the 90th percentile
)


def with_versus(hops: Sequence[HopRecord], source_latency: Sequence[Latency]) -> tuple[HopRecord, ...]:
    """The hops, each latency with `versus`.

    The float artifact of the same format comes first, where the run has one: it tells what the precision
    does. The source comes second: it tells what the conversion does.
    """
    source = hops[0].source if hops else ""
    measured = {source: tuple(source_latency)}
    measured |= {hop.target: hop.latency for hop in hops if hop.latency}
    return tuple(
        msgspec.structs.replace(
            hop, latency=tuple(beside(row, references(hop.target, source), measured) for row in hop.latency)
        )
        for hop in hops
    )


def references(variant: str, source: str) -> list[str]:
    """The variants to compare with, in order: `tflite:float32`, `torch:float32`."""
    plain = f"{variant.partition(':')[0]}:{Precision.FLOAT32}"
    return [name for name in dict.fromkeys((plain, source)) if name != variant]


def beside(row: Latency, names: Sequence[str], measured: dict[str, tuple[Latency, ...]]) -> Latency:
    """The row with its comparisons, as far as there is anything to compare with on its device."""
    found = []
    for name in names:
        other = next((one for one in measured.get(name, ()) if one.device == row.device), None)
        versus = compare(*apart(row, other), name)
        if versus is not None:
            found.append(versus)
    return msgspec.structs.replace(row, versus=tuple(found))


def apart(row: Latency, other: Latency | None) -> tuple[Latency, Latency | None]:
    """Both rows, without their rounds where those were not taken side by side.

    Such a difference has to be larger than what the same artifact shows at two different times.
    """
    if other is None or row.measured == other.measured:
        return row, other
    alone = msgspec.structs.replace(row, rounds_ms=(), noise=max(row.noise or 0, DIFFERENT_TIMES))
    return alone, msgspec.structs.replace(other, rounds_ms=())
