"""Which operators a rescue excludes first: what `blame` finds, on both sides of a tensor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convertkit.artifacts.artifact import Artifact
from convertkit.attribution.blamer import Blamer
from convertkit.attribution.trace import Trace
from convertkit.report.blame import BlameRow
from convertkit.rescue.candidates import Suspect

INPUT = "INPUT"
SMALLEST_ADDED = 0.001
PASSING_ON = frozenset(
    [
        *("RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "STRIDED_SLICE", "SLICE", "SPLIT", "SPLIT_V"),
        *("UNPACK", "GATHER", "CONCATENATION", "PAD", "PADV2", "MIRROR_PAD", "MAX_POOL_2D"),
        *("RESIZE_NEAREST_NEIGHBOR", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE"),
    ]
)
"""Operators that compute nothing: their outputs have the scale of their inputs."""


def rank_suspects(blamer: Blamer, quantized: Artifact, float32: Artifact) -> Sequence[Suspect]:
    """The tensors that lose most, worst first, each with the operators to exclude.

    Args:
        quantized: of the same format and the same model as `float32`.

    Raises:
        ConvertkitError: one of them does not run, or does not let its tensors be seen.
    """
    rows = blamer.compare(quantized, float32).rows
    return suspects(rows, blamer.trace(float32))


def suspects(rows: Sequence[BlameRow], float32: Trace) -> list[Suspect]:
    """The rows by what they add; those that add nothing by what they have lost."""
    adding = [row for row in rows if row.added >= SMALLEST_ADDED]
    others = sorted((row for row in rows if row.added < SMALLEST_ADDED), key=lambda row: -row.lost)
    found = []
    for row in (*adding, *others):
        outputs = tuple(dict.fromkeys(around(float32, row.reference)))
        if outputs:
            found.append(Suspect(row.reference, outputs, row.module))
    return found


def around(float32: Trace, name: str) -> Iterator[str]:
    """The tensor, and what is computed from it, past operators that only pass it on; no model input."""
    if float32.tensors[float32.positions[name]].operator != INPUT:
        yield name
    for consumer in float32.consumers.get(name, ()):
        operator = float32.tensors[float32.positions[consumer]].operator
        if operator in PASSING_ON:
            yield from around(float32, consumer)
        else:
            yield consumer
