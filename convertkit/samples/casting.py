"""Arrays of another type than the model takes: cast where nothing is lost. NumPy only."""

from __future__ import annotations

from typing import Any

import numpy as np

from convertkit.artifacts.signature import Array
from convertkit.errors import SamplesError
from convertkit.samples.rows import Indices, Rows, blocks


class CastRows:
    """The rows of an array in another type; each is cast when it is taken."""

    def __init__(self, rows: Rows, dtype: np.dtype[Any]) -> None:
        self._rows = rows
        self.shape = rows.shape
        self.dtype = dtype
        self.ndim = rows.ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Indices, /) -> Array:
        return self._rows[rows].astype(self.dtype)


def cast(name: str, values: Rows, wanted: str) -> tuple[Rows, str]:
    """The array in the type that the model takes, and what to say of it; empty where it had that type.

    Fractions are rounded to a narrower float type, as a framework would; whole numbers have to stay as they
    are.

    Raises:
        SamplesError: a value would be lost.
    """
    if values.dtype.name == wanted:
        return values, ""
    dtype = np.dtype(wanted)
    is_exact = True
    for start, block in blocks(values):
        with np.errstate(over="ignore", invalid="ignore"):
            back = block.astype(dtype).astype(block.dtype)
        changed = back != block
        lost = changed & ~is_rounding(block, back, dtype)
        if lost.any():
            row = start + int(np.argwhere(lost)[0][0])
            raise SamplesError(
                f"array '{name}' is {values.dtype}, the model takes {wanted}, and not every value is one: "
                f"{block[tuple(np.argwhere(lost)[0])]:.9g} in sample {row}",
                hint=f"save it with .astype('{wanted}') if that is meant",
            )
        is_exact = is_exact and not changed.any()
    how = "nothing is lost" if is_exact else "fractions are rounded"
    return CastRows(values, dtype), f"array '{name}' is {values.dtype} and was cast to {wanted}: {how}"


def is_rounding(before: Array, after: Array, dtype: np.dtype[Any]) -> Array:
    """Where a float has merely more digits than a narrower one can hold."""
    if before.dtype.kind != "f" or dtype.kind != "f":
        return np.zeros(before.shape, bool)
    info = np.finfo(dtype)
    small = np.abs(before - after) <= np.maximum(np.abs(before) * info.eps, info.smallest_subnormal)
    rounded: Array = small & (before != np.rint(before)) & np.isfinite(after)
    return rounded
