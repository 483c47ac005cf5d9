"""Dynamic axes: whether an artifact still takes other sizes, by running it beside the source at some."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.axes import CallAxes, InputAxes
from convertkit.artifacts.signature import Array, Arrays, TensorSpec
from convertkit.artifacts.tensors import write_npz
from convertkit.errors import ConvertkitError, pass_on_lost
from convertkit.samples.axes import resized
from convertkit.samples.examples import EXAMPLE_COUNT
from convertkit.samples.intake import Intake
from convertkit.validation.gate import judge
from convertkit.validation.grounds import Grounds
from convertkit.validation.judgement import DynamicAxis
from convertkit.validation.masks import Masks
from convertkit.validation.tolerance import Tolerance

SIZES_TO_CHECK = 2
AXIS_SAMPLES = 15


class Infer(Protocol):
    """What runs an artifact on a file of inputs, so many samples a call."""

    def __call__(self, artifact: Artifact, inputs: Path, chunk: int) -> Arrays:
        """Its outputs, logical."""


MasksOf = Callable[[Path, Arrays], Masks]
"""Which entries count, of the outputs for a file of inputs."""


class Axes(msgspec.Struct, frozen=True):
    """What is known of an artifact's dynamic axes; `fault` is the first that decides, else empty."""

    rows: tuple[DynamicAxis, ...] = ()
    fault: str = ""


class Axis(msgspec.Struct, frozen=True):
    """A dynamic axis of the source.

    Attributes:
        size: of the samples along it; 0 where they are stacked along it.
    """

    input: str
    axis: int
    name: str
    size: int

    @property
    def is_batch(self) -> bool:
        """True where samples are stacked along it."""
        return self.size == 0


class Tried(msgspec.Struct, frozen=True):
    """One axis at other sizes.

    Attributes:
        sizes: those at which artifact and source agreed.
        wrong: what was wrong at the next; empty where nothing was.
        note: a smaller size than the samples' at which the artifact gives nothing, and the source something.
    """

    sizes: tuple[int, ...] = ()
    wrong: str = ""
    note: str = ""


class AxisChecker:
    """Runs artifacts at other sizes of the source's dynamic axes; the source runs once at each.

    A size counts only where the source itself takes it and gives outputs of the same kind: a free axis is
    not a promise that every size is valid.
    """

    def __init__(
        self, infer: Infer, intake: Intake, usual: Arrays, scratch: Path, masks: MasksOf | None = None
    ) -> None:
        self._infer = infer
        self._masks = masks
        self._intake = intake
        self._usual = usual
        self._scratch = scratch
        self._references: dict[str, Arrays | None] = {}

    def check(self, artifact: Artifact, tolerance: Tolerance) -> Axes:
        """Every dynamic axis of the source, proven at two other sizes or not."""
        tried: dict[str, Tried] = {}
        rows: list[DynamicAxis] = []
        for axis in self._axes():
            is_free = isinstance(artifact.signature.input(axis.input).logical_shape[axis.axis], str)
            decides = axis.is_batch or not artifact.variant.precision.needs_calibration
            if is_free and axis.name not in tried:
                tried[axis.name] = self._try(artifact, axis, tolerance)
                if tried[axis.name].wrong and decides:
                    return Axes(tuple(rows), tried[axis.name].wrong)
            found = tried[axis.name] if is_free else Tried()
            rows.append(
                DynamicAxis(
                    input=axis.input,
                    axis=axis.axis,
                    name=axis.name,
                    sizes_checked=found.sizes,
                    kept=len(found.sizes) >= SIZES_TO_CHECK,
                    note=found.wrong or found.note or self._unproven(axis.name, found, is_free=is_free),
                )
            )
        return Axes(tuple(rows))

    def _axes(self) -> Iterator[Axis]:
        """Every dynamic axis of the source."""
        for spec in self._intake.artifact.signature.inputs:
            values = self._intake.samples.arrays[spec.name]
            for axis, name in spec.dynamic_axes.items():
                place = InputAxes.of(spec, values).place(axis)
                yield Axis(spec.name, axis, name, values.shape[place] if place else 0)

    def _try(self, artifact: Artifact, axis: Axis, tolerance: Tolerance) -> Tried:
        """An artifact at other sizes of one axis, until it agreed at two or was wrong at one.

        Where a smaller image leaves a pool nothing, runtimes differ in what they make of it: an artifact that
        gives nothing there has to agree at two other sizes.
        """
        sizes: list[int] = []
        note = ""
        for size in self._intake.axis_sizes[axis.name]:
            file, chunk = self._inputs_at(axis.name, size, is_batch=axis.is_batch)
            reference = self._reference(file, chunk)
            if reference is None:
                continue
            where = f"{axis.name} = {size}"
            wrong, gives_nothing = self._fault_at(artifact, file, chunk, (reference, tolerance), where)
            if wrong and not (gives_nothing and size < axis.size):
                return Tried(tuple(sizes), wrong)
            if wrong:
                note = note or wrong
                continue
            sizes.append(size)
            if len(sizes) == SIZES_TO_CHECK:
                break
        return Tried(tuple(sizes), "" if len(sizes) >= SIZES_TO_CHECK else note, note)

    def _fault_at(
        self, artifact: Artifact, file: Path, chunk: int, wanted: tuple[Arrays, Tolerance], where: str
    ) -> tuple[str, bool]:
        """What is wrong at a size, and whether the artifact gives nothing there."""
        try:
            outputs = self._infer(artifact, file, chunk)
        except ConvertkitError as error:
            pass_on_lost(error)
            return f"does not run at {where}: {error.message}", True
        grounds = Grounds(masks=self._masks(file, wanted[0]) if self._masks else {})
        comparison = judge(wanted[0], outputs, wanted[1], grounds=grounds)
        if comparison.is_passed:
            return "", False
        return f"wrong at {where}: {comparison.reason}", not are_of_a_kind(outputs, self._usual)

    def _unproven(self, name: str, found: Tried, *, is_free: bool) -> str:
        """Why fewer sizes than two were proven, where nothing was wrong at any."""
        if not is_free or len(found.sizes) >= SIZES_TO_CHECK:
            return ""
        tried = ", ".join(map(str, self._intake.axis_sizes[name]))
        return f"the source itself runs at too few of the sizes tried ({tried})" if tried else ""

    def _inputs_at(self, name: str, size: int, *, is_batch: bool) -> tuple[Path, int]:
        """A file of samples with another size of one axis, and how many of them to give in a call."""
        file = self._scratch / f"size-{name}-{size}.npz"
        rows = self._intake.split.validation
        if not file.exists():
            few = self._intake.samples.take(rows[:: max(1, len(rows) // AXIS_SAMPLES)][:AXIS_SAMPLES])
            inputs = self._intake.artifact.signature.inputs
            if is_batch:
                write_npz(file, stacked(inputs, few))
            else:
                write_npz(file, resized(inputs, few, name, size))
        return file, size if is_batch else EXAMPLE_COUNT

    def _reference(self, file: Path, chunk: int) -> Arrays | None:
        """The source's outputs at other sizes; None where it does not take them, or gives another kind."""
        key = f"{file.name}/{chunk}"
        if key not in self._references:
            try:
                outputs = self._infer(self._intake.artifact, file, chunk)
            except ConvertkitError as error:
                pass_on_lost(error)
                outputs = {}
            self._references[key] = outputs if are_of_a_kind(outputs, self._usual) else None
        return self._references[key]


def stacked(inputs: tuple[TensorSpec, ...], samples: Arrays) -> Arrays:
    """The samples with the same whole inputs in each, so that they share calls of any size."""
    axes = CallAxes.of(inputs, samples).inputs
    return {
        name: np.repeat(values[:1], len(values), axis=0) if axes[name].batch is None else values
        for name, values in samples.items()
    }


def are_of_a_kind(outputs: Arrays, usual: Arrays) -> bool:
    """True where outputs at another size have the usual names, ranks and types, no axis of nothing, are
    finite where the usual ones are, and differ from sample to sample where those do.

    The last: where a pool is larger than what is left of an image, ONNX Runtime's mean over nothing is 0.
    """
    return list(outputs) == list(usual) and all(
        values.ndim == usual[name].ndim
        and values.dtype == usual[name].dtype
        and values.size > 0
        and (bool(np.isfinite(values).all()) or not np.isfinite(usual[name]).all())
        and (varies(values) or not varies(usual[name]))
        for name, values in outputs.items()
    )


def varies(values: Array) -> bool:
    """True where not every sample's values are the first one's."""
    return not np.array_equal(values, np.broadcast_to(values[:1], values.shape), equal_nan=True)
