"""The validator: runs artifacts on the validation samples and has the gate judge what they give."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.axes import CallAxes
from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import Array, Arrays
from convertkit.artifacts.tensors import read_npz, write_npz
from convertkit.config.run_settings import BudgetOptions, GateOptions
from convertkit.delegates.forecast import Delegation, delegation_of
from convertkit.errors import (
    ConvertkitError,
    MissingDependencyError,
    NotMeasuredError,
    WorkerError,
    pass_on_lost,
)
from convertkit.registry import FIELD_RUNTIME, RuntimeRow, runtime_row
from convertkit.samples.intake import Intake
from convertkit.validation.axes import AxisChecker
from convertkit.validation.axis_tolerance import axis_tolerance
from convertkit.validation.gate import judge
from convertkit.validation.grounds import Grounds
from convertkit.validation.judgement import FieldCheck, Judgement
from convertkit.validation.kept import Index, Kept
from convertkit.validation.masks import Masks, check_masks, read_masks
from convertkit.validation.noise import measure_noise
from convertkit.validation.outcome import judge_outputs, missed_requirement
from convertkit.validation.powers import Powers
from convertkit.validation.tolerance import Tolerance, check_effect, tolerance_for
from convertkit.workers.jobs import InferJob
from convertkit.workers.pool import Workers

CHUNK = 32
NOISE_SAMPLES = CHUNK  # so that they went through the source in one call before


class Validator:
    """Compares artifacts with the source, whose outputs are computed once."""

    def __init__(
        self, workers: Workers, intake: Intake, scratch: Path, options: GateOptions, threads: int
    ) -> None:
        self._workers = workers
        self._intake = intake
        self._scratch = scratch
        self._options = options
        self._threads = threads
        check_effect(options)
        check_masks(options.masks, intake.artifact.signature)
        rows = intake.split.validation
        gives_once = any(spec.batch_axis is None for spec in intake.artifact.signature.outputs)
        self._chunk = 1 if gives_once else CHUNK  # an output without a batch axis is judged for each sample
        self._labels: Array | None = None
        if intake.samples.labels is not None:
            self._labels = intake.samples.labels[np.asarray(rows)]
        self._inputs = scratch / "validation.npz"
        write_npz(self._inputs, intake.samples.take(rows))
        self.source_outputs = self._infer(intake.artifact, self._inputs)
        self._axes = AxisChecker(self._infer, intake, self.source_outputs, scratch, self._masks)
        self._grounds: Grounds | None = None
        self._again: Arrays = {}

    @property
    def grounds(self) -> Grounds:
        """What every artifact is judged with: the source's own noise, the masks, and the samples' rows."""
        if self._grounds is None:
            masks = self._masks(self._inputs, self.source_outputs)
            rows, half = self._intake.split.validation, self._intake.artifact.half
            self._grounds = Grounds(self._measure_noise(masks), masks, rows, half)
        return self._grounds

    def _measure_noise(self, masks: Masks) -> dict[str, Powers]:
        """The source against itself, one sample in a call; nothing where that is how it runs, or fails.

        A source in half precision runs in float32, in the same calls.
        """
        source, chunk = self._intake.artifact, 1
        if source.half:
            source, chunk = msgspec.structs.replace(source, in_float32=True), self._chunk
        elif CallAxes.of(source.signature.inputs, self._intake.samples.arrays).batch_size is not None:
            return {}
        few = self._scratch / "noise.npz"
        write_npz(few, self._intake.samples.take(self._intake.split.validation[:NOISE_SAMPLES]))
        try:
            self._again = self._infer(source, few, chunk)
        except ConvertkitError:
            return {}
        return measure_noise(self.source_outputs, self._again, masks)

    def kept(self, outputs: Mapping[str, Arrays], budget: BudgetOptions | None) -> Kept:
        """What it takes to judge again without a model: outputs by variant, the source's besides.

        Args:
            budget: what the run asks for beside the gate.
        """
        source, grounds, rows = self._intake.artifact, self.grounds, self._intake.split.validation
        every = {str(source.variant): self.source_outputs, **outputs}
        index = Index(
            source=str(source.variant),
            variants=tuple(every),
            samples=len(rows),
            of=len(rows),
            gate=self._options,
            budget=budget,
            half=source.half,
        )
        return Kept(index, every, self._again, dict(grounds.masks), np.asarray(rows), self._labels)

    def _masks(self, inputs: Path, outputs: Arrays) -> Masks:
        """Which entries of the outputs for a file of inputs count."""
        return read_masks(self._options.masks, read_npz(inputs), outputs) if self._options.masks else {}

    def run_source(self, inputs: Arrays) -> Arrays:
        """The source's outputs on any other inputs, logical."""
        file = self._scratch / "other-inputs.npz"
        write_npz(file, inputs)
        return self._infer(self._intake.artifact, file)

    def judge(self, artifact: Artifact, previous: Arrays, tolerance: Tolerance | None = None) -> Judgement:
        """Run an artifact and judge it: first on the validation samples, then at other sizes.

        Args:
            previous: the previous artifact's outputs on the same samples.
            tolerance: what the gate allows; None: the precision's, with what the options set.

        Raises:
            WorkerError: two workers died, or passed a limit; which says nothing of the artifact.
        """
        try:
            outputs = self._infer(artifact, self._inputs)
        except WorkerError:
            raise
        except ConvertkitError as error:
            return Judgement(f"does not run: {error.message}", {})
        tolerance = tolerance or tolerance_for(artifact.variant.precision, self._options)
        precision = artifact.variant.precision
        judgement = judge_outputs(
            outputs, self.source_outputs, previous, tolerance, precision, self._labels, self.grounds
        )
        if judgement.reason:
            return judgement
        assert judgement.vs_source is not None
        axes = self._axes.check(artifact, axis_tolerance(judgement.vs_source))
        field = self._check_field(artifact, outputs)
        delegation = delegation_in(artifact)
        fault = axes.fault or missed_requirement(axes.rows, field, delegation, self._options)
        return msgspec.structs.replace(
            judgement, reason=fault, dynamic_axes=axes.rows, field_runtime=field, delegation=delegation
        )

    def _infer(
        self, artifact: Artifact, inputs: Path, chunk: int | None = None, row: RuntimeRow | None = None
    ) -> Arrays:
        """An artifact's outputs, logical."""
        row = row or runtime_row(artifact.variant.format)
        outputs = self._scratch / "outputs.npz"
        outputs.unlink(missing_ok=True)
        job = InferJob(
            row.name, artifact, str(inputs), str(outputs), chunk or self._chunk, threads=self._threads
        )
        if chunk is None:  # a check of sizes asks for just so many
            job = self._workers.bounded(job)
        self._workers.ask(row.environment, job, f"{row.name}.log")
        return read_npz(outputs)

    def _check_field(self, artifact: Artifact, outputs: Arrays) -> FieldCheck | None:
        """Whether the field runtime runs a `.tflite`, and gives what LiteRT gave; None for other formats."""
        if artifact.variant.format is not FIELD_RUNTIME.format:
            return None
        name = FIELD_RUNTIME.name
        try:
            got = self._infer(artifact, self._inputs, row=FIELD_RUNTIME)
        except MissingDependencyError as error:
            return FieldCheck(runtime=name, status="skipped", reason=str(error))
        except ConvertkitError as error:
            pass_on_lost(error)
            return FieldCheck(runtime=name, status="failed", reason=f"does not run: {error.message}")
        tolerance = tolerance_for(artifact.variant.precision, self._options)
        comparison = judge(outputs, got, tolerance, grounds=self.grounds)
        largest = max((row.max_abs_error for row in comparison.outputs), default=None)
        status: Literal["passed", "failed"] = "passed" if comparison.is_passed else "failed"
        return FieldCheck(runtime=name, status=status, reason=comparison.reason, max_abs_error=largest)


def delegation_in(artifact: Artifact) -> Delegation | None:
    """What delegates would take of a `.tflite`; None for other formats."""
    return delegation_of(artifact.file) if artifact.variant.format is Format.TFLITE else None


def check_comparable(outputs: Arrays) -> None:
    """Raise NotMeasuredError where the source gives nothing that anything could be compared with."""
    for name, values in outputs.items():
        if not np.isfinite(values).any():
            raise NotMeasuredError(
                f"the source model's own output '{name}' has no finite value on these samples",
                hint="nothing can be checked against it; are the samples normalised as the model expects?",
            )
