"""Ranges of activations: of several, the one by which the layers that read a value lose least.

A value in 8 bits is rounded to the 256 steps of a range, and clipped beyond it. Candidates are the ends of
what calibration saw, the ends without a share of the values, the ends with the least square error of the
value itself, and wider ends than were seen. They are compared by what the layers give, on calls that no end
is taken from, each quarter of the calls in turn; a value that something else reads too counts itself.

Source: Nagel et al. 2021, "A White Paper on Neural Network Quantization" (the candidates). NumPy only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from convertkit.artifacts.signature import Array
from convertkit.quantization.columns import columns_of
from convertkit.quantization.equalization import LEVELS, SEED, in_eight_bits
from convertkit.quantization.grid import Matrix
from convertkit.quantization.layers import Layer

MIN_MAX, MSE, WIDER = "min-max", "MSE", "wider"
FITTED = "fitted"  # whatever the method, of all calls but the first fold
PERCENTILES = (99.0, 99.9, 99.99)
SHARES = np.linspace(0.1, 1.0, 19)  # of the ends, for the least square error
WIDENED = 1.2
ENOUGH = 0.8  # of the error by min-max: 1 dB less
FOLDS = 4  # parts of the calls, each of which ends are compared on that the others give
SAMPLED = 2048  # values of a call
MOST_VALUES = 1 << 15  # that candidates are found by
MOST_POSITIONS = 8192  # of all calls: what is rare has to be among them
MOST_ENTRIES = 1 << 20  # of the columns of all calls
LARGEST = 3e38  # values that float32 can hardly hold, as masks have, are in no range
GUARD = 0.1  # of the median power of a position: one of hardly any counts by that
Columns = NDArray[np.float32]
Ends = tuple[float, float]
Call = TypeVar("Call")


class Chosen(NamedTuple):
    """A range, and what the layers that read the value lose by it.

    Attributes:
        method: `min-max`, `percentile 99.9`, `MSE`, `wider`.
        losses: mean square error over power of each layer's output, on all calls.
        losses_by_row: the same where each row has a range of its own.
        fitted: what the method makes of all calls but those of the first fold, and min-max of these; none
            where there are too few calls.
    """

    method: str
    low: float
    high: float
    losses: tuple[float, ...] = ()
    losses_by_row: tuple[float, ...] = ()
    fitted: tuple[Ends, Ends] | None = None


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

    @classmethod
    def joined(cls, samples: Iterable[Sample]) -> Self:
        """Several in one."""
        whole = cls()
        for each in samples:
            whole.low, whole.high = min(whole.low, each.low), max(whole.high, each.high)
            whole.values += each.values
        return whole

    def candidates(self) -> dict[str, Ends]:
        """The ranges to choose from, by the method that each is found with."""
        values = np.concatenate(self.values)
        values = values[:: max(1, len(values) // MOST_VALUES)]
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
        count: int,
        counts_itself: bool,
        arranged: Callable[[Layer, Array], Array] = lambda layer, values: values,
    ) -> None:
        """Prepare.

        Args:
            layers: each with its weights, [groups, rows, columns].
            count: of the calls that will be seen.
            counts_itself: whether something other than these layers reads the value.
            arranged: gives a value with its axes as ONNX has them for a layer.
        """
        self._layers = [(layer, rows.astype(np.float32)) for layer, rows in layers]
        self._arranged, self._count = arranged, count
        self._counts_itself = counts_itself or not layers
        self._random = np.random.default_rng(SEED)
        self._folds = [Sample() for _ in range(FOLDS)]
        self._columns: list[list[list[Columns]]] = [[[] for _ in layers] for _ in range(FOLDS)]
        self._seen = 0

    def see(self, values: Array) -> None:
        """Add the next call."""
        fold = fold_of(self._seen)
        self._seen += 1
        self._folds[fold].see(values, self._random)
        for place, (layer, rows) in enumerate(self._layers):
            most = min(MOST_POSITIONS, MOST_ENTRIES // rows[0, 0].size // len(rows)) // self._count
            taken = columns_of(layer, self._arranged(layer, values), max(1, most), self._random)
            self._columns[fold][place].append(np.asarray(taken, np.float32))

    def chosen(self) -> Chosen:
        """The range to take; by min-max where no other loses clearly less."""
        whole = Sample.joined(self._folds)
        there = [fold for fold, sample in enumerate(self._folds) if sample.values]
        if len(there) < 2:
            return Chosen(MIN_MAX, whole.low, whole.high)
        fitted = {fold: self._fitted(fold).candidates() for fold in there}
        columns = {fold: [np.concatenate(taken, axis=1) for taken in self._columns[fold]] for fold in there}
        tried = {
            name: np.mean([self._losses(fold, columns[fold], *fitted[fold][name]) for fold in there], axis=0)
            for name in fitted[there[0]]
        }
        method = min(tried, key=lambda name: float(tried[name].sum()))
        if tried[method].sum() >= ENOUGH * tried[MIN_MAX].sum():
            method = MIN_MAX
        low, high = whole.candidates()[method]
        together = [np.concatenate(each, axis=1) for each in zip(*columns.values(), strict=True)]
        first = fitted[there[0]]
        return Chosen(
            method,
            low,
            high,
            self._layers_lose(together, lambda each: in_eight_bits(each, low, high)),
            self._layers_lose(together, in_rows),
            (first[method], first[MIN_MAX]),
        )

    def _fitted(self, left: int) -> Sample:
        """All calls but those of a fold."""
        return Sample.joined(sample for fold, sample in enumerate(self._folds) if fold != left)

    def _losses(self, fold: int, columns: Sequence[Columns], low: float, high: float) -> list[float]:
        """What each layer loses on a fold by a range, and the value itself where that counts."""
        found = [*self._layers_lose(columns, lambda each: in_eight_bits(each, low, high))]
        if self._counts_itself:
            values = np.concatenate(self._folds[fold].values)
            power = float(np.square(values, dtype=np.float64).sum())
            found.append(square_error(values, low, high) / power if power else 0.0)
        return found

    def _layers_lose(
        self, columns: Sequence[Columns], rounded: Callable[[Columns], Columns]
    ) -> tuple[float, ...]:
        """What each layer loses on its columns by their rounding."""
        found = zip(self._layers, columns, strict=True)
        return tuple(output_loss(layer, rows, each, rounded(each)) for (layer, rows), each in found)


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


def fold_of(number: int) -> int:
    """The part that a call belongs to."""
    return number % FOLDS


def first_fold(calls: Sequence[Call]) -> list[Call]:
    """The calls that `Chosen.fitted` is not taken from."""
    return [call for number, call in enumerate(calls) if fold_of(number) == 0]


def of_fitted_calls(chosen: Mapping[str, Chosen]) -> tuple[dict[str, Chosen], dict[str, Chosen]]:
    """The ranges as chosen and all by min-max, both of all calls but the first fold.

    On that fold they compare fairly: by min-max of all calls, none of them is ever clipped.
    """
    known = [(name, each.fitted) for name, each in chosen.items() if each.fitted]
    by_method, by_ends = (
        {name: Chosen(FITTED, *fitted[place]) for name, fitted in known} for place in range(2)
    )
    return by_method, by_ends


def told_methods(methods: Mapping[str, int]) -> str:
    """What the report says of ranges that are not by min-max: `ranges of 9 values: 6 MSE, 3 wider`."""
    listed = ", ".join(f"{methods[name]} {name}" for name in sorted(methods))
    return f"ranges of {sum(methods.values())} values: {listed}"
