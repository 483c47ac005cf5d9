"""One hop: attempts in turn until one passes its gate; cached, logged, and replayable."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.axes import like
from convertkit.artifacts.files import hash_artifact
from convertkit.artifacts.formats import Variant
from convertkit.artifacts.signature import Arrays
from convertkit.config.attempts import StageOptions
from convertkit.environment.extras import usable_attempts
from convertkit.errors import ConvertkitError, StageError
from convertkit.hops.attempt import (
    Made,
    blank_record,
    check_same,
    error_line,
    error_record,
    has_dynamic_axes,
    hop_record,
    made_record,
    moved,
    with_gain,
)
from convertkit.hops.inputs import write_inputs
from convertkit.hops.judging import judged
from convertkit.hops.maker import Maker, convert_job
from convertkit.hops.refiner import Refiner
from convertkit.hops.replay import write_replay
from convertkit.hops.tried import (
    Tried,
    decisive,
    ends_hop,
    fit_for,
    fixed_axes,
    fixed_notes,
    further_attempts,
    other_converter,
    preferred,
    with_hint,
)
from convertkit.plan import Hop
from convertkit.recipe import Recipe
from convertkit.report.report import Attempt, HopRecord
from convertkit.samples.intake import Intake
from convertkit.storage.run_folder import RunFolder
from convertkit.storage.store import Store
from convertkit.validation.tolerance import Tolerance, demand
from convertkit.validation.validator import Validator
from convertkit.workers.answers import Sensitivities
from convertkit.workers.jobs import ConvertJob, SensitivityJob
from convertkit.workers.pool import Workers

STEM = "model"


class HopRunner:
    """Runs the hops of a plan one after another, and remembers what they made.

    Attributes:
        rejected: artifacts that failed their gates.
        lost: variants whose hop ended because a worker was killed or passed a limit.
    """

    def __init__(
        self,
        folder: RunFolder,
        workers: Workers,
        intake: Intake,
        validator: Validator,
        recipe: Recipe,
        store: Store | None,
        *,
        retries: bool = False,
    ) -> None:
        """Nothing is run yet.

        Args:
            retries: make again what failed in an earlier run, although the store knows how.
        """
        self._folder = folder
        self._intake = intake
        self._validator = validator
        self._recipe = recipe
        self._workers = workers
        self._maker = Maker(workers, store, retries=retries)
        source = intake.artifact.variant
        self._artifacts = {source: intake.artifact}
        self._made: dict[Variant, list[Made]] = {}
        self._tries = 0
        self.rejected: dict[Variant, Artifact] = {}
        self.lost: set[Variant] = set()
        self._outputs: dict[Any, Arrays] = {source: validator.source_outputs}
        self._inputs = write_inputs(folder, intake)
        self._refiner = Refiner(folder, workers, self._maker, store, self._inputs)

    @property
    def calibration(self) -> Path | None:
        """The file of the calibration split; None where there is none."""
        return self._inputs.calibration

    def artifact_of(self, variant: Variant) -> Artifact | None:
        """The artifact of a variant that passed; None where there is none."""
        return self._artifacts.get(variant)

    def made_for(self, variant: Variant) -> tuple[Made, ...]:
        """What was made for a variant, passed or not, where it stands now; what was kept comes first."""
        return tuple(self._made.get(variant, ()))

    def withdraw(self, hop: Hop) -> Path | None:
        """Take what a hop made off the name that ships; where it stands then, None where there is nothing."""
        if hop.target not in self._made:
            return None
        kept, *others = self._made[hop.target]
        if self._artifacts.pop(hop.target, None) is None:
            return kept.artifact.file
        path = self._folder.reject(kept.artifact.file, hop.target.file_name(STEM))
        self._made[hop.target] = [moved(kept, path), *others]
        self.rejected[hop.target] = self._made[hop.target][0].artifact
        return path

    def run(self, hop: Hop) -> HopRecord:
        """Run one hop; whatever goes wrong is in the record."""
        source = self._artifacts.get(hop.source)
        if source is None:
            return blank_record(hop, f"not run: there is no {hop.source} to start from", StageError.exit_code)
        asked, tried = self.options_of(hop), list[Tried]()
        usable_ones, notes = usable_attempts(hop, asked, has_dynamic_axes=has_dynamic_axes(source))
        chosen = fit_for(source, usable_ones)
        losses = len(self._workers.losses)
        for number, options in enumerate(chosen):
            tried.append(self._try(hop, options, () if asked.are_rivals else chosen[number + 1 :]))
            if ends_hop(tried[-1], are_rivals=asked.are_rivals):
                break
        can_refine = self._refiner.can_refine(source, self._origin(hop))
        for options in further_attempts(asked, hop.target.precision, tried, can_refine=can_refine):
            tried.append(self._try(hop, options, ()))
        record = self._record(hop, tried, are_rivals=asked.are_rivals)
        return msgspec.structs.replace(
            record, notes=(*record.notes, *notes), lost_workers=tuple(self._workers.losses[losses:])
        )

    def _try(self, hop: Hop, options: StageOptions, others: Sequence[StageOptions]) -> Tried:
        """One attempt, which `others` would follow; whatever goes wrong is in its record."""
        started = time.perf_counter()
        try:
            made = self.attempt(hop, options)
        except ConvertkitError as error:
            record = error_record(options, error_line(error, hop), time.perf_counter() - started)
            return with_hint(Tried(record, error=error), other_converter(hop.stage.name, options, others))
        source = self._start(hop.source).signature
        fixed = () if options.fixes_axes else fixed_axes(source, made.artifact.signature)
        return Tried(made_record(options, made, time.perf_counter() - started), made, fixed=fixed)

    def _record(self, hop: Hop, tried: Sequence[Tried], *, are_rivals: bool) -> HopRecord:
        """The hop's record, by the attempt that decides."""
        number = decisive(tried, are_rivals=are_rivals)
        attempts = [one.record for one in tried]
        made, error = tried[number].made, tried[number].error
        self.lost |= {hop.target} if tried[-1].is_lost else set()
        if made is None or error is not None:
            blank = blank_record(hop, attempts[number].error or "", (error or StageError).exit_code)
            return msgspec.structs.replace(blank, attempts=tuple(attempts))
        attempts[number] = msgspec.structs.replace(attempts[number], kept=True)
        made = with_gain(made, [one.made for one in tried if one.made is not None])
        write_replay(made.job, self._folder.path)
        self._made[hop.target] = [
            one.made for at, one in enumerate(tried) if one.made is not None and at != number
        ]
        record = self.conclude(hop, made, tuple(attempts))
        served = preferred(tried, number, are_rivals=are_rivals) if record.status == "passed" else ""
        notes = fixed_notes(tried, number)
        return msgspec.structs.replace(record, fallback_for=served, notes=(*record.notes, *notes))

    def options_of(self, hop: Hop) -> StageOptions:
        """The options of a hop's stage as they were asked for, an `auto` not spelt out."""
        options: StageOptions = getattr(self._recipe.stages, hop.stage.name)
        return options

    def attempt(
        self,
        hop: Hop,
        options: StageOptions,
        *,
        calibration: Path | None = None,
        tolerance: Tolerance | None = None,
    ) -> Made:
        """One conversion, or its stored result, and its judgement.

        Args:
            calibration: samples to calibrate with; None: the calibration split.
            tolerance: what the gate allows; None: what the recipe does.

        Raises:
            ConvertkitError: nothing was made.
        """
        start = self._refiner.source_for(self._start(hop.source), self._origin(hop), options.grid)
        scratch = self._folder.scratch / f"{hop.stage.name}-{hop.target.precision}-{self._tries}"
        self._tries += 1
        scratch.mkdir()
        out = scratch / hop.target.file_name(STEM)
        job = convert_job(hop, start.artifact, options, out, self._inputs, calibration)
        write_replay(job, self._folder.path)
        with self._maker.making(hop, options, job) as taken:
            stored = taken.stored
            signature = like(stored.signature, self._intake.artifact.signature)
            plain = Artifact(hop.target, str(out), signature, *hash_artifact(out), stored.loader)
            artifact = self._maker.folded(plain, self._intake.fold)
            asked = demand(hop.target.precision, self._recipe.gate, self._recipe.budget)
            before = self._workers.mark()
            judgement = judged(self._validator, artifact, self._outputs[hop.source], tolerance or asked)
            if not taken.is_cached or bool(stored.failed) != bool(judgement.reason):
                self._maker.remember(hop, options, job, stored, judgement.reason)
        when = self._workers.recalled_since(before)
        made = Made(artifact, stored, judgement, taken.is_cached, job, start.record, taken.again, when)
        return made if artifact is plain else msgspec.structs.replace(made, plain=plain)

    def _start(self, variant: Variant) -> Artifact:
        """What a hop from a variant starts from: no preprocessing was folded into it."""
        made = self._made.get(variant)
        return (made[0].plain if made else None) or self._artifacts[variant]

    def sensitivities(self, hop: Hop, job: SensitivityJob) -> Sensitivities:
        """What leaving operators of an artifact of the hop float gains."""
        return self._maker.sensitivities(hop, job)

    def _origin(self, hop: Hop) -> ConvertJob | None:
        """The conversion that made a hop's source; None where it was given."""
        return self._made[hop.source][0].job if hop.source in self._made else None

    def conclude(self, hop: Hop, made: Made, attempts: tuple[Attempt, ...], name: str = "") -> HopRecord:
        """The hop's record, with its artifact moved to where it belongs.

        Args:
            name: its file name; empty: the variant's.
        """
        judgement = made.judgement
        check_same(made.artifact)
        place = self._folder.reject if judgement.reason else self._folder.accept
        path = place(made.artifact.file, name or hop.target.file_name(STEM))
        kept = moved(made, path)
        artifact = kept.artifact
        self._made[hop.target] = [kept, *self._made.get(hop.target, ())]
        if judgement.reason:
            self.rejected[hop.target] = artifact
        else:
            self._artifacts[hop.target] = artifact
            self._outputs[hop.target] = judgement.outputs
        sizes = self._intake.artifact.size_bytes, self._intake.weights_bytes
        return hop_record(hop, kept, attempts, path=self._folder.relative(path), source_sizes=sizes)
