"""Dynamic axes: whether an artifact still takes other sizes, by running it beside the source at some."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays
from convertkit.artifacts.tensors import write_npz
from convertkit.errors import ConvertkitError
from convertkit.samples.axes import resized
from convertkit.samples.examples import EXAMPLE_COUNT
from convertkit.samples.fit import is_batch_axis
from convertkit.samples.intake import Intake
from convertkit.validation.gate import Comparison, Tolerance, judge
from convertkit.validation.judgement import DynamicAxis

SIZES_TO_CHECK = 2
AXIS_SAMPLES = 15
AXIS_MARGIN_DB = 10.0
AXIS_MARGIN = 0.1


class Infer(Protocol):
    """What runs an artifact on a file of inputs, so many samples a call."""

    def __call__(self, artifact: Artifact, inputs: Path, chunk: int) -> Arrays:
        """Its outputs, logical."""


class Axes(msgspec.Struct, frozen=True):
    """What is known of an artifact's dynamic axes; `fault` is the first that decides, else empty."""

    rows: tuple[DynamicAxis, ...] = ()
    fault: str = ""


class Tried(msgspec.Struct, frozen=True):
    """One axis at other sizes: those at which artifact and source agreed, and what was wrong at the next."""

    sizes: tuple[int, ...] = ()
    wrong: str = ""


class AxisChecker:
    """Runs artifacts at other sizes of the source's dynamic axes; the source runs once at each.

    A size counts only where the source itself takes it and gives outputs of the same kind: a free axis is
    not a promise that every size is valid.
    """

    def __init__(self, infer: Infer, intake: Intake, usual: Arrays, scratch: Path) -> None:
        self._infer = infer
        self._intake = intake
        self._usual = usual
        self._scratch = scratch
        self._references: dict[str, Arrays | None] = {}

    def check(self, artifact: Artifact, tolerance: Tolerance) -> Axes:
        """Every dynamic axis of the source, proven at two other sizes or not."""
        tried: dict[str, Tried] = {}
        rows: list[DynamicAxis] = []
        for input_name, axis, name, is_batch in self._axes():
            is_free = isinstance(artifact.signature.input(input_name).logical_shape[axis], str)
            decides = is_batch or not artifact.variant.precision.needs_calibration
            if is_free and name not in tried:
                tried[name] = self._try(artifact, name, is_batch=is_batch, tolerance=tolerance)
                if tried[name].wrong and decides:
                    return Axes(tuple(rows), tried[name].wrong)
            found = tried[name] if is_free else Tried()
            rows.append(
                DynamicAxis(
                    input=input_name,
                    axis=axis,
                    name=name,
                    sizes_checked=found.sizes,
                    kept=len(found.sizes) >= SIZES_TO_CHECK,
                    note=found.wrong or self._unproven(name, found, is_free=is_free),
                )
            )
        return Axes(tuple(rows))

    def _axes(self) -> Iterator[tuple[str, int, str, bool]]:
        """Input, axis, name, and whether samples are stacked along it, of every dynamic axis."""
        for spec in self._intake.artifact.signature.inputs:
            values = self._intake.samples.arrays[spec.name]
            for axis, name in spec.dynamic_axes.items():
                yield spec.name, axis, name, is_batch_axis(spec, values, axis)

    def _try(self, artifact: Artifact, name: str, *, is_batch: bool, tolerance: Tolerance) -> Tried:
        """An artifact at other sizes of one axis, until it agreed at two or was wrong at one."""
        sizes: list[int] = []
        for size in self._intake.axis_sizes[name]:
            file, chunk = self._inputs_at(name, size, is_batch=is_batch)
            reference = self._reference(file, chunk)
            if reference is None:
                continue
            try:
                outputs = self._infer(artifact, file, chunk)
            except ConvertkitError as error:
                return Tried(tuple(sizes), f"does not run at {name} = {size}: {error.message}")
            comparison = judge(reference, outputs, tolerance)
            if not comparison.is_passed:
                return Tried(tuple(sizes), f"wrong at {name} = {size}: {comparison.reason}")
            sizes.append(size)
            if len(sizes) == SIZES_TO_CHECK:
                break
        return Tried(tuple(sizes))

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
            write_npz(file, few if is_batch else resized(inputs, few, name, size))
        return file, size if is_batch else EXAMPLE_COUNT

    def _reference(self, file: Path, chunk: int) -> Arrays | None:
        """The source's outputs at other sizes; None where it does not take them, or gives another kind."""
        key = f"{file.name}/{chunk}"
        if key not in self._references:
            try:
                outputs = self._infer(self._intake.artifact, file, chunk)
            except ConvertkitError:
                outputs = {}
            self._references[key] = outputs if are_of_a_kind(outputs, self._usual) else None
        return self._references[key]


def are_of_a_kind(outputs: Arrays, usual: Arrays) -> bool:
    """True where outputs at another size have the usual names, ranks and types, no axis of nothing, and are
    finite where the usual ones are.
    """
    return list(outputs) == list(usual) and all(
        values.ndim == usual[name].ndim
        and values.dtype == usual[name].dtype
        and values.size > 0
        and (bool(np.isfinite(values).all()) or not np.isfinite(usual[name]).all())
        for name, values in outputs.items()
    )


def axis_tolerance(comparison: Comparison) -> Tolerance:
    """What is allowed at other sizes, of which there are fewer samples: the tolerance, or somewhat less than
    was reached where accuracy decided.
    """
    allowed = comparison.tolerance
    floats = [row.sqnr_db for row in comparison.outputs if row.agreement is None]
    return msgspec.structs.replace(
        allowed,
        min_sqnr_db=min([allowed.min_sqnr_db, *(reached - AXIS_MARGIN_DB for reached in floats)]),
        min_agreement=max(0.0, allowed.min_agreement - AXIS_MARGIN),
    )
