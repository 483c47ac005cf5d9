"""How an array may be read as samples of an input: which of its axes counts them. NumPy only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec
import numpy as np

from convertkit.artifacts.axes import BATCH_WORDS
from convertkit.artifacts.signature import Dim, TensorSpec
from convertkit.samples.rows import Rows

Kind = Literal["stacked", "whole", "constant"]


class Reading(msgspec.Struct, frozen=True):
    """One way to read an array.

    Attributes:
        batch: the input's axis along which samples are stacked; None where each is the whole input.
        count: how many samples there are; None where the array is one input, the same for every sample.
        axis: where the samples stand in the array.
        squeezed: an axis of size 1 that stands in each sample in place of the batch.
        shape: what an entry has to be reshaped to; None: it stays.
    """

    batch: int | None
    count: int | None
    axis: int = 0
    squeezed: int | None = None
    shape: tuple[int, ...] | None = None

    @property
    def kind(self) -> Kind:
        """`constant`, `whole` or `stacked`."""
        if self.count is None:
            return "constant"
        return "whole" if self.batch is None else "stacked"

    def rows(self, values: Rows, count: int) -> Rows:
        """The array with one entry a sample along its first axis; a view."""
        if self == Reading(self.batch, count) and self.count is not None:
            return values
        array = np.asanyarray(values)
        if self.squeezed is not None:
            array = np.squeeze(array, self.squeezed)
        if self.count is None:
            if self.batch is not None:
                array = np.squeeze(array, self.batch)
            return np.broadcast_to(array, (count, *array.shape))
        array = np.moveaxis(array, self.axis, 0)
        return array if self.shape is None else array.reshape(count, *self.shape)


def fits(shape: tuple[int, ...], wanted: tuple[Dim, ...]) -> bool:
    """True where every size is the wanted one, or any size is."""
    return len(shape) == len(wanted) and all(
        isinstance(dim, str) or dim == size for dim, size in zip(wanted, shape, strict=True)
    )


def without(shape: tuple[Dim, ...], axis: int) -> tuple[Dim, ...]:
    """The shape without an axis."""
    return (*shape[:axis], *shape[axis + 1 :])


def words_beside(inputs: tuple[TensorSpec, ...], word: str | None) -> set[str]:
    """Names of all axes of the inputs that have an axis of this name: they count no samples in others."""
    having = [spec.dynamic_axes.values() for spec in inputs]
    return {other for words in having if word in words for other in words}


def batch_candidates(spec: TensorSpec, word: str | None, taken: set[str]) -> list[int]:
    """Axes of an input along which samples may be stacked, the likeliest first.

    Args:
        word: the name of the batch axis; None where no axis has one.
        taken: names of other axes of the inputs that have a batch axis of that name.
    """
    shape = spec.logical_shape
    named = [axis for axis, dim in spec.dynamic_axes.items() if dim == word]
    if named:
        return named[:1]
    if word is None:
        return [*range(len(shape))[:1], *(axis for axis, dim in enumerate(shape) if axis and dim == 1)]
    return [axis for axis, dim in spec.dynamic_axes.items() if dim not in taken]


def readings(
    spec: TensorSpec, shape: tuple[int, ...], word: str | None, taken: set[str]
) -> Iterator[Reading]:
    """Every way to read an array of that shape as samples of an input, the likeliest first."""
    wanted = spec.logical_shape
    named = [axis for axis, dim in spec.dynamic_axes.items() if dim == word]
    for batch in batch_candidates(spec, word, taken):
        yield from stacked(wanted, shape, batch)
    if len(shape) == len(wanted) + 1 and fits(shape[1:], wanted):
        yield Reading(None, shape[0])
    if not named and fits(shape, wanted):
        yield Reading(None, None)
    elif named and named[0] and fits(shape, wanted) and shape[named[0]] == 1:
        yield Reading(named[0], None)
    is_length = word is not None and word.lower() not in BATCH_WORDS  # beside a batch that is fixed at one
    if word is not None and (not named or is_length) and wanted[:1] == (1,) and fits(shape[1:], wanted[1:]):
        yield Reading(None, shape[0], shape=(1, *shape[1:]))


def stacked(wanted: tuple[Dim, ...], shape: tuple[int, ...], batch: int) -> Iterator[Reading]:
    """Samples along one axis of the input: as a call has them, in front, or with that axis as 1 in each."""
    entry = without(wanted, batch)
    if len(shape) == len(wanted):
        if batch and fits(tuple(without(shape, batch)), entry):  # type: ignore[arg-type]
            yield Reading(batch, shape[batch], axis=batch)
        if fits(shape[1:], entry):
            yield Reading(batch, shape[0])
    if len(shape) == len(wanted) + 1 and fits(shape[1:], wanted) and shape[1 + batch] == 1:
        yield Reading(batch, shape[0], squeezed=1 + batch)


def choose(options: dict[str, list[Reading]], count: int | None = None) -> dict[str, Reading] | None:
    """One reading of each array, all of the same number of samples; None where there are none such.

    Where every array has the whole input in each sample, they are read so. Else as many arrays as can be are
    samples rather than constants.

    Args:
        options: of each input, the likeliest first.
        count: how many samples there have to be; None: as many as there are.
    """
    whole = {
        name: [r for r in each if r.kind == "whole" and r.shape is None] for name, each in options.items()
    }
    constant = {name: [r for r in each if r.kind == "constant"] for name, each in options.items()}
    mixed = {name: whole[name] or [r for r in constant[name] if r.batch is None] for name in options}
    if any(whole.values()) and all(mixed.values()):
        found = of_one_count(mixed, count)
        if found is not None:
            return found
    return of_one_count(options, count)


def of_one_count(options: dict[str, list[Reading]], count: int | None) -> dict[str, Reading] | None:
    """The readings of the count that leaves the fewest constants; see `choose`."""
    counts = dict.fromkeys(r.count for each in options.values() for r in each if r.count is not None)
    best: dict[str, Reading] | None = None
    for size in counts if count is None else [count]:
        chosen = {
            name: next((r for r in each if r.count == size), None)
            or next((r for r in each if r.count is None), None)
            for name, each in options.items()
        }
        found = {name: reading for name, reading in chosen.items() if reading is not None}
        constants = [r for r in found.values() if r.count is None]
        if len(found) < len(options) or len(constants) == len(found):
            continue
        if best is None or len(constants) < sum(r.count is None for r in best.values()):
            best = found
    return best
