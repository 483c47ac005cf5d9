"""Samples: read, checked against the model's inputs, split once into calibration and validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array, Arrays
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import SamplesError
from convertkit.samples.rows import Indices, Rows

MOST_CALIBRATION = 128

Origin = Literal["file", "images", "synthetic"]


class Samples(msgspec.Struct, frozen=True):
    """Arrays by input name, first axis = sample, in the source's axis order and units.

    Attributes:
        arrays: those of files stay on disk; `take` reads what is asked for.
        labels: one class a sample; -1 where it has none.
        apart: how many of them, the last, were given to calibrate with and do nothing else.
        calibration_sha256: of the file that those came from.
        batch_axes: input → its axis along which samples are stacked, None where each sample is the whole
            input; empty as long as the samples are not fitted to a model.
        notes: what was done to make them fit.
        class_names: of the labels, in their order, where the samples tell.
    """

    origin: Origin
    sha256: str
    arrays: Mapping[str, Rows]
    labels: Array | None = None
    apart: int = 0
    calibration_sha256: str | None = None
    batch_axes: Mapping[str, int | None] = {}
    notes: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(next(iter(self.arrays.values())))

    def take(self, rows: Sequence[int] | Indices) -> Arrays:
        """The arrays of some samples."""
        return {name: values[np.asarray(rows)] for name, values in self.arrays.items()}


class Split(msgspec.Struct, frozen=True):
    """Disjoint sample numbers; `calibration` is empty where nothing is calibrated."""

    calibration: tuple[int, ...]
    validation: tuple[int, ...]


def split_samples(count: int, options: SampleOptions, *, needs_calibration: bool) -> Split:
    """Seeded and disjoint: calibration half of the samples, at most 128; validation the rest.

    Raises:
        SamplesError: too few samples for two splits.
    """
    order = [int(i) for i in np.random.default_rng(options.seed).permutation(count)]
    if not needs_calibration:
        return Split((), tuple(sorted(order[: options.validation])))
    size = options.calibration or min(MOST_CALIBRATION, max(1, count // 2))
    if size >= count:
        raise SamplesError(
            f"{count} samples cannot be split into {size} for calibration and some for validation",
            hint="give more samples, or lower sampling.calibration in a recipe",
        )
    calibration, rest = order[:size], order[size : size + options.validation]
    return Split(tuple(sorted(calibration)), tuple(sorted(rest)))
