"""What the corpus of the gate is made of: one artifact's outputs beside the source's. NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
Trials = Iterator[tuple[str, Array]]
"""Wrong outputs, each with where it is wrong."""


@dataclass(frozen=True)
class Role:
    """What the axes and values of an output are. Axis 0 counts the samples.

    Attributes:
        channels: axis of channels or classes; None: there is none.
        places: axes of time, space or anchors, in order.
        range: `softmax` or `sigmoid` for values in 0..1; `free` for others.
        is_scores: the largest along the channels is the answer.
    """

    channels: int | None = None
    places: tuple[int, ...] = ()
    range: Literal["free", "softmax", "sigmoid"] = "free"
    is_scores: bool = False


@dataclass(frozen=True)
class Case:
    """An artifact's outputs on the validation samples, and the source's.

    Attributes:
        precision: of the artifact, as in a variant.
        again: the source's outputs for the first samples, one in a call; empty where it was not run so.
        masks: output → entries of its leading axes that count.
        labels: of the samples; None: there are none.
        roles: of the outputs; empty where nothing is to be made wrong.
        wrong: name of a real fault → outputs of an artifact, or a source, that has it.
    """

    model: str
    variant: str
    precision: str
    source: Arrays
    artifact: Arrays
    again: Arrays = field(default_factory=dict)
    masks: Arrays = field(default_factory=dict)
    labels: Array | None = None
    roles: dict[str, Role] = field(default_factory=dict)
    wrong: dict[str, Arrays] = field(default_factory=dict)


OutputWay = Callable[[Array, Role], Trials]
"""A way to be wrong of one output; it yields nothing where it does not apply."""
CaseWay = Callable[[Case], Iterator[tuple[str, Arrays]]]
"""A way to be wrong of all outputs together."""


def view(values: Array, axis: int) -> Array:
    """The same memory with an axis in front."""
    return np.moveaxis(values, axis, 0)


def spread_out(count: int, most: int) -> list[int]:
    """At most so many of 0..count, evenly."""
    return sorted({int(place) for place in np.linspace(0, count - 1, min(count, most))}) if count else []


def quantized(values: Array, levels: int) -> Array:
    """Rounded to that many equal steps of its range."""
    low, high = values.min(), values.max()
    if high == low:
        return values.copy()
    step = (high - low) / (levels - 1)
    return (low + np.round((values - low) / step) * step).astype(values.dtype)


def softmax(values: Array, axis: int) -> Array:
    """Along an axis."""
    powers = np.exp(values - values.max(axis, keepdims=True))
    return (powers / powers.sum(axis, keepdims=True)).astype(values.dtype)


def sigmoid(values: Array) -> Array:
    """Elementwise."""
    return (1 / (1 + np.exp(-values.astype(np.float64)))).astype(values.dtype)
