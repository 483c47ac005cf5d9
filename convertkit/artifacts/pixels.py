"""Pixels as an input takes them where normalisation is in the graph, and what becomes of them. NumPy only."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
IMAGE_RANK = 4
FIRST, LAST = 1, 3  # places of the channel axis of an image with a batch axis


class Pixels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The normalisation in a graph: `(value / white - mean) / std`, in float32, channels last.

    Attributes:
        white: the value of a white pixel: 255, or 1 for images that are in 0..1 already.
        mean, std: one for all channels, or one each, in units of 0..1.
    """

    white: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def scaled(self) -> str:
        """`value / 255`, or `value` where white is 1: what mean and std are applied to, in words."""
        return "value" if self.white == 1 else f"value / {self.white:g}"

    @property
    def steps(self) -> tuple[tuple[str, tuple[float, ...]], ...]:
        """What a graph does after the cast, in this order: `divide` or `subtract`, and by what."""
        steps = (("divide", (self.white,)), ("subtract", self.mean), ("divide", self.std))
        neutral = {"divide": 1.0, "subtract": 0.0}
        return tuple((kind, by) for kind, by in steps if set(by) != {neutral[kind]})

    def normalised(self, values: Array) -> Array:
        """What the graph makes of pixels, float32; bit by bit what samples of images are."""
        result = np.asarray(values, np.float32)
        for kind, by in self.steps:
            operands = np.asarray(by, np.float32)
            result = result / operands if kind == "divide" else result - operands
        return result

    def restored(self, values: Array) -> Array:
        """The pixels that the graph makes these values of, float64; the inverse of `normalised`."""
        real = np.asarray(values, np.float64)
        result: Array = (real * np.asarray(self.std) + np.asarray(self.mean)) * self.white
        return result

    def given(self, values: Array, dtype: str) -> Array:
        """The same in the type that an artifact takes; integers are rounded."""
        pixels = self.restored(values)
        if np.dtype(dtype).kind not in "iu":
            return pixels.astype(dtype)
        info = np.iinfo(dtype)
        return np.clip(np.rint(pixels), info.min, info.max).astype(dtype)


class Fold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Normalisation that goes into every artifact of a run.

    Attributes:
        input: name of the image input.
        dtype: what it takes then: `uint8`, or `float32`.
        channel_axis: of the source's input, 1 or 3; an artifact has its channels last.
    """

    input: str
    dtype: str
    pixels: Pixels
    channel_axis: int

    @property
    def axis_order(self) -> tuple[int, ...] | None:
        """`physical = transpose(logical, axis_order)`; None where the source has its channels last."""
        return (0, 2, 3, 1) if self.channel_axis == FIRST else None
