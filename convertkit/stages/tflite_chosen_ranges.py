"""Ranges of a float `.tflite`'s activations by which its layers lose least. Runs in a worker.

How one is chosen: `convertkit/quantization/ranges.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from convertkit.artifacts.signature import Array, Arrays
from convertkit.artifacts.transformation import RANGES, Transformation
from convertkit.quantization.ranges import MIN_MAX, Chosen, Watched, told_methods
from convertkit.stages.tflite_ranges import Ranges, observe
from convertkit.stages.tflite_readers import Readers, as_in_onnx


class Ranged(NamedTuple):
    """A quantized file, and the ranges that it has.

    Attributes:
        methods: how many ranges were chosen by each method; none where all are by min-max.
        seconds: that choosing took.
        gain_db: over the file with all by min-max.
    """

    content: bytes
    ranges: Any
    methods: Mapping[str, int] = MappingProxyType({})
    seconds: float = 0.0
    gain_db: float | None = None

    def tell(self, notes: list[str], transformations: list[Transformation]) -> None:
        """Add what the report says of it."""
        if self.methods:
            notes.append(told_methods(self.methods))
            transformations.append(Transformation(RANGES, self.seconds, self.gain_db))


def chosen_ranges(
    content: bytes, signature: str, calls: Sequence[Arrays], readers: Readers, wanted: Collection[str]
) -> dict[str, Chosen]:
    """The range of each float value that is wanted.

    Args:
        content: of one graph.
        readers: its layers.
    """
    watched = {
        name: Watched(
            [(each.layer, each.rows) for each in readers.layers.get(name, ())],
            count=len(calls),
            counts_itself=name in readers.others,
            arranged=as_in_onnx,
        )
        for name in wanted
    }
    seen: set[str] = set()

    def see(name: str, values: Array) -> None:
        if values.dtype == np.float32 and values.ndim:
            watched[name].see(values)
            seen.add(name)

    observe(content, signature, calls, see, frozenset(wanted))
    return {name: watched[name].chosen() for name in watched if name in seen}


def with_chosen(ranges: Ranges, chosen: Mapping[str, Chosen]) -> Ranges:
    """Ranges with those in their place that were chosen, in the shape that they have."""
    made = dict(ranges)
    for name, each in chosen.items():
        if name in ranges and each.method != MIN_MAX:
            shape = ranges[name]["min"].shape
            made[name] = {
                end: np.full(shape, value, np.float32)
                for end, value in (("min", each.low), ("max", each.high))
            }
    return made


def methods_of(chosen: Mapping[str, Chosen]) -> dict[str, int]:
    """How many ranges were chosen by each method but min-max."""
    return dict(Counter(each.method for each in chosen.values() if each.method != MIN_MAX))
