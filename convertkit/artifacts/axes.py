"""Which axis of each input and output is the batch, and which calls samples make of it. NumPy only.

An array of samples has one entry a sample along its first axis. Where samples are stacked along an axis of
the input, an entry lacks that axis; else an entry is the whole input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from convertkit.artifacts.signature import Array, Arrays, Dim, Signature, TensorSpec
from convertkit.errors import SamplesError

VALUES_HINT = "return scores beside all entries, or the k best of them, and pick what is wanted afterwards"
AXES_HINT = "tell the axes of an input that is no batch: --input 'table:float32[4,4]'"
BATCH_WORDS = ("batch", "batch_size", "batchsize", "bs", "n", "b")
Rows = npt.NDArray[np.intp]


class Ranked(Protocol):
    """An array of samples, as far as its rank goes."""

    @property
    def ndim(self) -> int:
        """Number of axes."""


class InputAxes(msgspec.Struct, frozen=True):
    """The axes of one input beside the samples that are given for it.

    Attributes:
        shape: the input's, logical.
        batch: the axis along which the samples are stacked; None where each of them is the whole input.
    """

    shape: tuple[Dim, ...]
    batch: int | None

    @classmethod
    def of(cls, spec: TensorSpec, samples: Ranked) -> InputAxes:
        """Axes of an input as the rank of its samples tells them."""
        shape = spec.logical_shape
        return cls(shape, (spec.batch_axis or 0) if samples.ndim == len(shape) else None)

    @property
    def size(self) -> Dim | None:
        """Samples in a call: a number, or a word for any number; None where they are not stacked."""
        return None if self.batch is None else self.shape[self.batch]

    def place(self, axis: int) -> int:
        """Where an axis of the input stands in an array of samples."""
        if self.batch is None:
            return axis + 1
        return 0 if axis == self.batch else axis + (axis < self.batch)

    def call(self, samples: Array) -> Array:
        """What a call takes of these samples: all of them stacked, or the first one."""
        if self.batch is None:
            return np.asarray(samples[0])
        return np.asarray(np.moveaxis(samples, 0, self.batch), order="C") if self.batch else samples


class CallAxes(msgspec.Struct, frozen=True):
    """The axes of all inputs of an artifact beside its samples."""

    inputs: dict[str, InputAxes]

    @classmethod
    def of(cls, inputs: tuple[TensorSpec, ...], samples: Mapping[str, Ranked]) -> CallAxes:
        """Axes of the inputs as the ranks of their samples tell them."""
        return cls({spec.name: InputAxes.of(spec, samples[spec.name]) for spec in inputs})

    @property
    def is_batched(self) -> bool:
        """True where a call takes several samples, or has an axis for them."""
        return any(axes.batch is not None for axes in self.inputs.values())

    @property
    def batch_size(self) -> int | None:
        """Samples that a call takes; None where any number will do."""
        if not self.is_batched:
            return 1
        sizes = [axes.size for axes in self.inputs.values()]
        return next((max(1, size) for size in sizes if isinstance(size, int)), None)

    def call(self, samples: Arrays, rows: Rows) -> Arrays:
        """One call's inputs, logical."""
        return {name: axes.call(samples[name][rows]) for name, axes in self.inputs.items()}

    def calls(self, samples: Arrays, chunk: int | Callable[[], int]) -> Iterator[tuple[Rows, int]]:
        """The samples of each call, and how many of them are new; a fixed batch is filled with the last.

        Samples whose whole inputs differ do not share a call.

        Args:
            chunk: samples per call where any number will do; a function is asked before each call.
        """
        count = len(next(iter(samples.values())))
        whole = [samples[name] for name, axes in self.inputs.items() if axes.batch is None]
        size = self.batch_size
        start = 0
        while start < count:
            stop = min(start + (size or (chunk() if callable(chunk) else chunk)), count)
            stop = min([stop, *(start + alike(values[start:stop]) for values in whole)])
            yield np.minimum(np.arange(start, start + size if size else stop), stop - 1), stop - start
            start = stop


def one_sample(inputs: tuple[TensorSpec, ...], call: Arrays) -> Arrays:
    """One call's inputs with their first sample alone."""
    axes = {spec.name: spec.batch_axis for spec in inputs}
    return {
        name: values
        if (axis := axes.get(name, 0)) is None or values.ndim <= axis
        else np.take(values, [0], axis)
        for name, values in call.items()
    }


def alike(samples: Array) -> int:
    """How many of the samples from the first on are the first one."""
    same = (samples == samples[:1]).reshape(len(samples), -1).all(axis=1)
    return len(samples) if same.all() else int(np.argmin(same))


def entries(value: Array, spec: TensorSpec, size: int) -> Array:
    """An output of a call with so many samples, one entry a sample; one for the call without a batch axis.

    An axis that counts several rows a sample is split.
    """
    axis = spec.batch_axis
    if axis is None or value.ndim <= axis:
        return value[np.newaxis]
    moved = np.moveaxis(value, axis, 0)
    if len(moved) == size:
        return moved
    if isinstance(spec.logical_shape[axis], str) and len(moved) and len(moved) % size == 0:
        return moved.reshape(size, len(moved) // size, *moved.shape[1:])
    return value[np.newaxis]


def joined(name: str, parts: list[Array], calls: list[int]) -> Array:
    """An output of all calls.

    Args:
        calls: how many samples were in each.

    Raises:
        SamplesError: its size for a sample depends on how many samples share the call, or on their values.
    """
    shapes = list(dict.fromkeys(part.shape[1:] for part in parts))
    if len(shapes) == 1:
        return np.concatenate(parts)
    told = " and ".join(f"[{','.join(map(str, shape))}]" for shape in shapes[:2])
    kinds = {(count, part.shape[1:]) for count, part in zip(calls, parts, strict=True)}
    if len(kinds) > len(set(calls)):
        raise SamplesError(
            f"output '{name}' is {told} for as many samples: its size depends on their values",
            hint=VALUES_HINT,
        )
    raise SamplesError(
        f"output '{name}' is {told} for one sample, by how many share a call: they do not stay apart",
        hint=AXES_HINT,
    )


def batch_word(inputs: tuple[TensorSpec, ...]) -> str | None:
    """The name of the batch axis: one that says so, else that of a first axis, else the only one.

    A name that stands twice in one input is a length: of a mask [time, time].
    """
    every = [list(spec.dynamic_axes.values()) for spec in inputs]
    lengths = {word for words in every for word in words if words.count(word) > 1}
    words = [word for each in every for word in each if word not in lengths]
    for known in BATCH_WORDS:
        for word in words:
            if word.lower() == known:
                return word
    first = [spec.dynamic_axes[0] for spec in inputs if 0 in spec.dynamic_axes]
    if set(first) - lengths:
        return next(word for word in first if word not in lengths)
    return words[0] if len(set(words)) == 1 else None


def with_batch_axes(inputs: tuple[TensorSpec, ...], axes: Mapping[str, int | None]) -> tuple[TensorSpec, ...]:
    """The inputs with their batch axes."""
    return tuple(
        msgspec.structs.replace(spec, batch_axis=axes.get(spec.name, spec.batch_axis)) for spec in inputs
    )


def with_output_axes(signature: Signature, *, is_seen: bool) -> Signature:
    """The signature with the batch axis of each output, told by the names of the inputs' batch axes.

    Args:
        is_seen: whether the names come from running the model: then an output without such a name has no
            batch axis. A file may well call a free axis fixed.
    """
    shapes = [(spec.logical_shape, spec.batch_axis) for spec in signature.inputs if spec.shape]
    words = {shape[axis] for shape, axis in shapes if axis is not None and isinstance(shape[axis], str)}
    if not words:
        return signature
    known = {word for spec in signature.inputs for word in spec.dynamic_axes.values()}
    outputs = []
    for spec in signature.outputs:
        axis = output_axis(spec, words)
        strange = [place for place, word in spec.dynamic_axes.items() if word not in known]
        if axis is None and len(strange) == 1:
            axis = strange[0]
        if axis is None and not is_seen:
            axis = spec.batch_axis
        outputs.append(msgspec.structs.replace(spec, batch_axis=axis))
    return msgspec.structs.replace(signature, outputs=tuple(outputs))


def output_axis(spec: TensorSpec, words: set[int | str]) -> int | None:
    """The first axis that is named as the batch, or after it and others; None where none is."""
    axes = spec.dynamic_axes
    parts = {axis: set(re.split(r"[^0-9A-Za-z]+|_", word)) for axis, word in axes.items()}
    exact = [axis for axis, word in axes.items() if word in words]
    return next(iter([*exact, *(axis for axis in axes if words & parts[axis])]), None)


def like(signature: Signature, source: Signature) -> Signature:
    """An artifact's signature with the batch axes that the source's inputs and outputs have."""

    def each(specs: tuple[TensorSpec, ...], known: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
        axes = {spec.name: spec.batch_axis for spec in known}
        return with_batch_axes(specs, axes)

    return Signature(each(signature.inputs, source.inputs), each(signature.outputs, source.outputs))
