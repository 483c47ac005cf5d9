"""Ranges of activations: of several, the one by which the layers that read a value lose least.

A value in 8 bits is rounded to the 256 steps of a range, and clipped beyond it. Candidates are the ends of
what calibration saw, the ends without a share of the values, the ends with the least square error of the
value itself, and wider ends than were seen. They are compared by what the layers give, on calls that no end
is taken from; a value that something else reads too counts itself.

Source: Nagel et al. 2021, "A White Paper on Neural Network Quantization" (the candidates). NumPy only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convertkit.artifacts.signature import Array
from convertkit.quantization.columns import columns_of
from convertkit.quantization.equalization import KEPT_CALLS, LEVELS, SEED, in_eight_bits
from convertkit.quantization.grid import Matrix
from convertkit.quantization.layers import Layer

MIN_MAX, MSE, WIDER = "min-max", "MSE", "wider"
PERCENTILES = (99.0, 99.9, 99.99)
SHARES = np.linspace(0.1, 1.0, 19)  # of the ends, for the least square error
WIDENED = 1.2
ENOUGH = 0.8  # of the error by min-max: 1 dB less
SAMPLED = 2048  # values of a call
MOST_POSITIONS = 64  # of a kept call
MOST_ENTRIES = 1 << 17  # of the columns of a kept call
LARGEST = 3e38  # values that float32 can hardly hold, as masks have, are in no range
GUARD = 0.1  # of the median power of a position: one of hardly any counts by that
Columns = NDArray[np.float32]


class Chosen(NamedTuple):
    """A range, and what the layers that read the value lose by it.

    Attributes:
        method: `min-max`, `percentile 99.9`, `MSE`, `wider`.
        losses: mean square error over power of each layer's output.
        losses_by_row: the same where each row has a range of its own.
    """

    method: str
    low: float
    high: float
    losses: tuple[float, ...] = ()
    losses_by_row: tuple[float, ...] = ()


class Sample:
    """Ends of a value, zero between them, and some of its values."""

    def __init__(self) -> None:
        self.low = self.high = 0.0
        self.values: list[Array] = []

    def see(self, values: Array, random: np.random.Generator) -> None:
        """Add one call."""
        flat = values.reshape(-1)
        flat = flat[np.abs(flat) < LARGEST]
        if not flat.size:
            return
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        few = flat.size <= SAMPLED
        self.values.append(flat if few else flat[random.integers(0, flat.size, SAMPLED)])

    def joined(self, other: Sample) -> Sample:
        """Both in one."""
        both = Sample()
        both.low, both.high = min(self.low, other.low), max(self.high, other.high)
        both.values = self.values + other.values
        return both

    def candidates(self) -> dict[str, tuple[float, float]]:
        """The ranges to choose from, by the method that each is found with."""
        values = np.concatenate(self.values)
        found = {MIN_MAX: (self.low, self.high), WIDER: (self.low * WIDENED, self.high * WIDENED)}
        for percent in PERCENTILES:
            low, high = np.percentile(values, [100 - percent, percent])
            found[f"percentile {percent}"] = (min(float(low), 0.0), max(float(high), 0.0))
        errors = [square_error(values, self.low * share, self.high * share) for share in SHARES]
        share = float(SHARES[int(np.argmin(errors))])
        return {**found, MSE: (self.low * share, self.high * share)}


class Watched:
    """A value on the samples, and the layers that read it."""

    def __init__(
        self,
        layers: Sequence[tuple[Layer, Matrix]],
        *,
        counts_itself: bool,
        arranged: Callable[[Layer, Array], Array] = lambda layer, values: values,
    ) -> None:
        """Prepare.

        Args:
            layers: each with its weights, [groups, rows, columns].
            counts_itself: whether something other than these layers reads the value.
            arranged: gives a value with its axes as ONNX has them for a layer.
        """
        self._layers, self._arranged = layers, arranged
        self._counts_itself = counts_itself or not layers
        self._random = np.random.default_rng(SEED)
        self._fitted, self._kept = Sample(), Sample()
        self._columns: list[list[Columns]] = [[] for _ in layers]

    def see(self, values: Array, *, is_kept: bool) -> None:
        """Add one call."""
        (self._kept if is_kept else self._fitted).see(values, self._random)
        if is_kept:
            for place, (layer, rows) in enumerate(self._layers):
                most = max(1, min(MOST_POSITIONS, MOST_ENTRIES // rows[0, 0].size // len(rows)))
                taken = columns_of(layer, self._arranged(layer, values), most, self._random)
                self._columns[place].append(np.asarray(taken, np.float32))

    def chosen(self) -> Chosen:
        """The range to take; by min-max where no other loses clearly less."""
        both = self._fitted.joined(self._kept)
        if not self._fitted.values or not self._kept.values:
            return Chosen(MIN_MAX, both.low, both.high)
        products = [
            (layer, rows.astype(np.float32), np.concatenate(taken, axis=1))
            for (layer, rows), taken in zip(self._layers, self._columns, strict=True)
        ]
        tried = {name: self._losses(products, *ends) for name, ends in self._fitted.candidates().items()}
        method = min(tried, key=lambda name: sum(tried[name]))
        if sum(tried[method]) >= ENOUGH * sum(tried[MIN_MAX]):
            method = MIN_MAX
        low, high = both.candidates()[method]
        by_row = tuple(output_loss(*each, in_rows(each[2])) for each in products)
        return Chosen(method, low, high, tried[method][: len(products)], by_row)

    def _losses(
        self, products: Sequence[tuple[Layer, Columns, Columns]], low: float, high: float
    ) -> tuple[float, ...]:
        """What each layer loses by a range, and the value itself where that counts."""
        found = [output_loss(*each, in_eight_bits(each[2], low, high)) for each in products]
        if self._counts_itself:
            values = np.concatenate(self._kept.values)
            power = float(np.square(values, dtype=np.float64).sum())
            found.append(square_error(values, low, high) / power if power else 0.0)
        return tuple(found)


def square_error(values: Array, low: float, high: float) -> float:
    """Square error of values in the 256 steps of a range, added up."""
    return float(np.square(in_eight_bits(values, low, high) - values, dtype=np.float64).sum())


def output_loss(layer: Layer, weights: Columns, columns: Columns, rounded: Columns) -> float:
    """Square error of what a layer gives over its power.

    Of a product by position, the mean over all: a normalization divides each position by its own size. One
    position that is far larger than the others would hide what they lose.

    Args:
        weights: [groups, rows, columns].
        columns: [groups, positions, columns].
        rounded: the same in eight bits.
    """
    turned = weights.transpose(0, 2, 1)
    errors = np.square((rounded - columns) @ turned, dtype=np.float64).sum(axis=(0, 2))
    powers = np.square(columns @ turned, dtype=np.float64).sum(axis=(0, 2))
    if layer.is_convolution:
        return float(errors.sum() / powers.sum()) if powers.any() else 0.0
    powers += GUARD * float(np.median(powers))
    return float((errors / np.where(powers > 0, powers, np.inf)).mean())


def in_rows(columns: Columns) -> Columns:
    """Columns rounded to 256 steps of each position's own range, as kernels do that read it when they run."""
    low = np.minimum(columns.min(axis=-1, keepdims=True), 0.0)
    high = np.maximum(columns.max(axis=-1, keepdims=True), 0.0)
    steps = np.where(high > low, (high - low) / LEVELS, 1.0)
    zeros = np.rint(-low / steps)
    rounded: Columns = (np.clip(np.rint(columns / steps) + zeros, 0, LEVELS) - zeros) * steps
    return rounded.astype(np.float32, copy=False)


def is_kept(number: int, count: int) -> bool:
    """Whether a call is one of those, evenly spaced, that ranges are compared on: eight, at most half."""
    step = max(2, count // KEPT_CALLS)
    return number % step == 0 and number // step < KEPT_CALLS


def told_methods(methods: Mapping[str, int]) -> str:
    """What the report says of ranges that are not by min-max: `ranges of 9 values: 6 MSE, 3 wider`."""
    listed = ", ".join(f"{methods[name]} {name}" for name in sorted(methods))
    return f"ranges of {sum(methods.values())} values: {listed}"
