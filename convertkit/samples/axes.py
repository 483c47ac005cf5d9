"""Other sizes of dynamic axes: which to try, and arrays of such a size."""

from __future__ import annotations

import numpy as np

from convertkit.artifacts.axes import InputAxes
from convertkit.artifacts.signature import Array, Arrays, TensorSpec

BATCH_SIZES = [1, 3, 5, 4, 7]
LARGEST_STEP = 32


def resized(
    inputs: tuple[TensorSpec, ...], arrays: Arrays, axis_name: str, size: int, *, are_samples: bool = True
) -> Arrays:
    """The arrays with another size of one dynamic axis: cut, or repeated from the start.

    Integers that rise along their last axis in every sample (offsets, positions, segments) still do.

    Args:
        are_samples: whether they have one entry a sample along the first axis, or are one call's inputs.
    """
    result: Arrays = {}
    for spec in inputs:
        values = arrays[spec.name]
        for axis, name in spec.dynamic_axes.items():
            if name == axis_name:
                place = InputAxes.of(spec, values).place(axis) if are_samples else axis
                taken = np.take(values, np.arange(size) % values.shape[place], axis=place)
                is_sample_axis = are_samples and place == 0
                values = np.sort(taken) if rises(values, place) and not is_sample_axis else taken
        result[spec.name] = np.asarray(values, order="C")
    return result


def rises(values: Array, place: int) -> bool:
    """True for integers none of which is less than the one before it, along their last axis."""
    return place == values.ndim - 1 and values.dtype.kind in "iu" and bool((np.diff(values) >= 0).all())


def other_sizes(exported: int, *, is_batch: bool, lowest: int = 1, highest: int | None = None) -> list[int]:
    """Sizes of a dynamic axis to try besides the exported one, best first.

    Near ones first, in steps that keep what a stride divides: at 640 a detector takes 672, and a text
    recogniser of height 48 may have no row left at 24.
    """
    step = min(exported & -exported, LARGEST_STEP, max(1, exported // 2))
    near = [exported + step, exported - step]
    far = [exported * 2, exported // 2, exported + 2 * step]
    candidates = BATCH_SIZES if is_batch else [*near, *far]
    limit = highest if highest is not None else max(candidates)
    sizes = dict.fromkeys(candidates)  # each once: an axis is kept when two different sizes agree
    return [size for size in sizes if size != exported and lowest <= size <= limit]
