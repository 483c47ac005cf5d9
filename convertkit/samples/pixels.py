"""Arrays of pixels, 0 to 255, made what image files become: 0 to 1, then normalised. NumPy only."""

from __future__ import annotations

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import SamplesError
from convertkit.samples.rows import Indices, Rows
from convertkit.samples.samples import Samples

WHITE = 255.0


class PixelRows:
    """The rows of an array of pixels, each `(x / 255 - mean) / std` in float32 when it is taken."""

    dtype = np.dtype(np.float32)

    def __init__(self, rows: Rows, mean: Array, std: Array) -> None:
        """Mean and std broadcast to a row."""
        self._rows, self._mean, self._std = rows, mean, std
        self.shape = rows.shape
        self.ndim = rows.ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Indices, /) -> Array:
        scaled = self._rows[rows].astype(np.float32) / np.float32(WHITE)
        return np.asarray((scaled - self._mean) / self._std)


def with_pixels(samples: Samples, options: SampleOptions) -> Samples:
    """The samples with the arrays that `sampling.pixels` names scaled and normalised; a note says so.

    Raises:
        SamplesError: there is no such array, or mean or std are of another number of channels.
    """
    if not options.pixels:
        return samples
    lacking = [name for name in options.pixels if name not in samples.arrays]
    if lacking:
        there = ", ".join(map(repr, samples.arrays))
        raise SamplesError(f"sampling.pixels names '{lacking[0]}', the samples have {there}")
    arrays = {
        name: scaled(name, rows, options) if name in options.pixels else rows
        for name, rows in samples.arrays.items()
    }
    note = (
        f"pixels of {', '.join(options.pixels)} are divided by 255, then sampling.mean and sampling.std apply"
    )
    return msgspec.structs.replace(samples, arrays=arrays, notes=(*samples.notes, note))


def scaled(name: str, rows: Rows, options: SampleOptions) -> PixelRows:
    """One array, its channels along its second or its last axis."""
    return PixelRows(
        rows,
        by_channel(name, rows, "mean", options.mean),
        by_channel(name, rows, "std", options.std),
    )


def by_channel(name: str, rows: Rows, key: str, values: tuple[float, ...]) -> Array:
    """A setting's values in a shape that broadcasts to rows."""
    array = np.asarray(values, np.float32)
    if len(values) == 1:
        return array.reshape(())
    axis = next((axis for axis in (1, rows.ndim - 1) if rows.shape[axis] == len(values)), None)
    if axis is None:
        raise SamplesError(
            f"sampling.{key} has {len(values)} values, and no axis of array '{name}', {list(rows.shape)}, has"
            " as many channels"
        )
    return array.reshape([-1 if place == axis else 1 for place in range(1, rows.ndim)])
