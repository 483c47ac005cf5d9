"""Samples fitted to the inputs of a model: by name, by shape, by type; what was done to fit is noted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import msgspec
import numpy as np

from convertkit.artifacts.axes import BATCH_WORDS, batch_word
from convertkit.artifacts.signature import Array, TensorSpec
from convertkit.errors import SamplesError
from convertkit.samples.arrays import told_counts
from convertkit.samples.casting import cast
from convertkit.samples.readings import Reading, choose, readings, words_beside
from convertkit.samples.rows import Rows
from convertkit.samples.samples import Samples

UNNAMED = ""  # the array of an `.npy`
NUMBERED = re.compile(r"arr_\d+")  # as np.savez calls arrays without a name
SMALLEST_IMAGE_RANK = 3

AxisOrder = Literal["source", "channels-last", "channels-first"]


def specs_from_arrays(arrays: Mapping[str, Rows], labels: Array | None = None) -> tuple[TensorSpec, ...]:
    """Inputs as the samples show them, the first axis a dynamic batch.

    An array of another length than the labels, or than most arrays, is a constant.

    Raises:
        SamplesError: the number of samples cannot be told.
    """
    counts = [values.shape[0] for values in arrays.values() if values.ndim]
    count = len(labels) if labels is not None else max(counts, key=counts.count, default=0)
    if count not in counts or (labels is None and 2 * counts.count(count) <= len(counts)):
        raise SamplesError(told_counts(arrays, labels), hint="name the inputs: --input 'NAME:DTYPE[d0,…]'")
    return tuple(
        TensorSpec(name or "input", values.dtype.name, ("batch", *values.shape[1:]))
        if values.shape[:1] == (count,)
        else TensorSpec(name or "input", values.dtype.name, values.shape, batch_axis=None)
        for name, values in arrays.items()
    )


def fit_samples(
    samples: Samples, inputs: tuple[TensorSpec, ...], axis_order: AxisOrder = "source"
) -> Samples:
    """The samples in the order of the model's inputs, one entry a sample along each array's first axis.

    Args:
        axis_order: of the arrays that fit only after a transpose.

    Raises:
        SamplesError: an array is missing, extra, misnamed, wrongly shaped or wrongly typed.
    """
    names = [spec.name for spec in inputs]
    if samples.batch_axes and not samples.batch_axes.keys() ^ set(names):
        return msgspec.structs.replace(samples, arrays={name: samples.arrays[name] for name in names})
    arrays, notes = named(samples.arrays, names)
    options: dict[str, list[Reading]] = {}
    word = batch_word(inputs)
    taken = words_beside(inputs, word)
    for spec in inputs:
        turned = in_axis_order(spec, arrays[spec.name], axis_order, word, taken)
        if turned is not arrays[spec.name]:
            notes += (f"array '{spec.name}' is {axis_order} and was transposed for the model",)
        arrays[spec.name] = turned
        options[spec.name] = list(readings(spec, turned.shape, word, taken))
        if not options[spec.name]:
            raise unfit_shape(spec, arrays[spec.name], word, taken)
    labels = samples.labels
    chosen = choose(options, None if labels is None else len(labels))
    if chosen is None:
        raise SamplesError(told_counts(arrays, labels), hint=batch_hint(inputs))
    count = next(reading.count for reading in chosen.values() if reading.count is not None)
    fitted: dict[str, Rows] = {}
    for spec in inputs:
        rows = chosen[spec.name].rows(arrays[spec.name], count)
        fitted[spec.name], note = cast(spec.name, rows, spec.logical_dtype)
        told = (constant_note(spec, chosen[spec.name]), guess_note(spec, chosen[spec.name]), note)
        notes += tuple(filter(None, told))
    axes = {name: chosen[name].batch for name in names}
    return msgspec.structs.replace(
        samples, arrays=fitted, batch_axes=axes, notes=tuple(dict.fromkeys((*samples.notes, *notes)))
    )


def batch_hint(inputs: tuple[TensorSpec, ...]) -> str:
    """How to say which axis samples stand along, where several axes are free."""
    spec = next((spec for spec in inputs if len(spec.dynamic_axes) > 1), None)
    if spec is not None:
        axes = " or ".join(spec.dynamic_axes.values())
        return f"if the batch of '{spec.name}' is {axes}: call it batch in --input '{spec.describe()}'"
    free = [(each, axis, word) for each in inputs for axis, word in each.dynamic_axes.items()]
    if len({word for _, _, word in free}) < 2:
        return ""
    told = " and ".join(f"'{word}' of '{each.name}'" for each, _, word in free)
    first, axis, _ = free[0]
    return f"the free axes are {told}; the one of samples is called batch: {called_batch(first, axis)}"


def called_batch(spec: TensorSpec, axis: int) -> str:
    """The option that makes an axis the batch."""
    shape = (*spec.shape[:axis], "batch", *spec.shape[axis + 1 :])
    return f"--input '{msgspec.structs.replace(spec, shape=shape).describe()}'"


def guess_note(spec: TensorSpec, reading: Reading) -> str:
    """What to say where samples could stand along several free axes and none is called batch; else empty."""
    axes = dict(spec.dynamic_axes)
    chosen = None if reading.batch is None else axes.pop(reading.batch, None)
    if chosen is None or chosen.lower() in BATCH_WORDS or not axes:
        return ""
    others = " or ".join(f"'{word}'" for word in axes.values())
    option = called_batch(spec, next(iter(axes)))
    return f"samples of '{spec.name}' are stacked along '{chosen}'; if it is {others}: {option}"


def constant_note(spec: TensorSpec, reading: Reading) -> str:
    """What to say of an array that has no sample axis; empty for others."""
    told = f"array '{spec.name}' has no sample axis: every call is given the same"
    return told if reading.count is None else ""


def named(arrays: Mapping[str, Rows], names: list[str]) -> tuple[dict[str, Rows], tuple[str, ...]]:
    """The arrays under the inputs' names, and what to say of names that were not theirs.

    Raises:
        SamplesError: an array is missing, extra or misnamed.
    """
    given = list(arrays)
    if len(given) == len(names) == 1 and given != names:
        note = f"array '{given[0]}' is taken for the only input, '{names[0]}'"
        return {names[0]: arrays[given[0]]}, (note,) if given[0] else ()
    is_numbered = all(NUMBERED.fullmatch(name) for name in given)
    if is_numbered and len(given) == len(names) and set(given) != set(names):
        order = sorted(given, key=lambda name: int(name.partition("_")[2]))
        listing = ", ".join(f"{array} is '{name}'" for array, name in zip(order, names, strict=True))
        pairs = zip(order, names, strict=True)
        return {name: arrays[array] for array, name in pairs}, (f"arrays without names, in order: {listing}",)
    missing = [name for name in names if name not in arrays]
    extra = [name or "(unnamed)" for name in given if name not in names]
    if missing or extra:
        parts = [f"lack {', '.join(missing)}"] if missing else []
        parts += [f"have {', '.join(extra)}, which the model does not take"] if extra else []
        raise SamplesError(f"the samples {' and '.join(parts)}", hint=f"the inputs are {', '.join(names)}")
    return {name: arrays[name] for name in names}, ()


def in_axis_order(
    spec: TensorSpec, values: Rows, axis_order: AxisOrder, word: str | None, taken: set[str]
) -> Rows:
    """The array as the model has its axes, where it only fits so."""
    if axis_order == "source" or any(readings(spec, values.shape, word, taken)):
        return values
    return next(
        (
            turned
            for turned in transposes(values, axis_order)
            if any(readings(spec, turned.shape, word, taken))
        ),
        values,
    )


def transposes(values: Rows, axis_order: AxisOrder) -> list[Rows]:
    """The array with its channels moved to the other end of each image."""
    array = np.asanyarray(values)
    if array.ndim < SMALLEST_IMAGE_RANK:
        return []
    places = (1, 2) if array.ndim > SMALLEST_IMAGE_RANK else (1,)
    if axis_order == "channels-last":
        return [np.moveaxis(array, -1, place) for place in places]
    return [np.moveaxis(array, place, -1) for place in places]


def unfit_shape(spec: TensorSpec, values: Rows, word: str | None, taken: set[str]) -> SamplesError:
    """What to say of an array of a shape that the model does not take."""
    wanted = ",".join(str(dim) for dim in spec.logical_shape)
    hint = ""
    orders: tuple[AxisOrder, ...] = ("channels-last", "channels-first")
    for order in orders:
        if in_axis_order(spec, values, order, word, taken) is not values:
            hint = f"it fits as {order} images: --set sampling.axis_order={order} transposes them"
            break
    if not hint and len(spec.dynamic_axes) > 1:
        hint = batch_hint((spec,))
    message = f"array '{spec.name}' has shape {list(values.shape)}, the model takes [{wanted}]"
    return SamplesError(message, hint=hint)
