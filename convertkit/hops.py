"""One hop: attempts in turn until one passes its gate; cached, logged, and replayable."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from convertkit.artifact import Artifact
from convertkit.attempt import Made, best_of, error_record, made_record
from convertkit.digest import hash_path
from convertkit.environments import interpreter
from convertkit.errors import ConvertkitError, GateError, StageError
from convertkit.extras import usable_attempts
from convertkit.files import hash_artifact, remove_artifact
from convertkit.folder import RunFolder
from convertkit.formats import Variant
from convertkit.intake import Intake, example_arrays
from convertkit.isolate import Workers
from convertkit.jobs import Converted, ConvertJob
from convertkit.options import StageOptions
from convertkit.plan import Hop
from convertkit.recipe import Recipe
from convertkit.registry import environment_row, extra_row
from convertkit.replay import write_replay
from convertkit.report import ArtifactRecord, Attempt, HopRecord
from convertkit.signature import Arrays
from convertkit.store import Store, StoredHop, hop_key
from convertkit.tensors import write_npz
from convertkit.validator import Validator
from convertkit.versions import package_versions

STEM = "model"


class HopRunner:
    """Runs the hops of a plan one after another, and remembers what they made.

    Attributes:
        rejected: artifacts that failed their gates.
    """

    def __init__(
        self,
        folder: RunFolder,
        workers: Workers,
        intake: Intake,
        validator: Validator,
        recipe: Recipe,
        store: Store | None,
    ) -> None:
        self._folder = folder
        self._workers = workers
        self._intake = intake
        self._validator = validator
        self._recipe = recipe
        self._store = store
        source = intake.artifact.variant
        self._artifacts = {source: intake.artifact}
        self.rejected: dict[Variant, Artifact] = {}
        self._outputs: dict[Any, Arrays] = {source: validator.source_outputs}
        self._examples = folder.repro / "examples.npz"
        write_npz(self._examples, example_arrays(intake.samples, intake.artifact.signature.inputs))
        self._calibration: Path | None = None
        if intake.split.calibration:
            self._calibration = folder.repro / "calibration.npz"
            write_npz(self._calibration, intake.samples.take(intake.split.calibration))

    def artifact_of(self, hop: Hop) -> Artifact | None:
        """The artifact of a hop that passed; None where there is none."""
        return self._artifacts.get(hop.target)

    def run(self, hop: Hop) -> HopRecord:
        """Run one hop; whatever goes wrong is in the record."""
        source = self._artifacts.get(hop.source)
        if source is None:
            return blank_record(hop, f"not run: there is no {hop.source} to start from", StageError.exit_code)
        asked: StageOptions = getattr(self._recipe.stages, hop.stage.name)
        chosen, notes = usable_attempts(hop, asked, has_dynamic_axes=has_dynamic_axes(source))
        attempts: list[Attempt] = []
        made: dict[int, Made] = {}
        code = 0
        for options in chosen:
            started = time.perf_counter()
            try:
                one = self._attempt(hop, source, options, len(attempts))
                made[len(attempts)] = one
                attempts.append(made_record(options, one, time.perf_counter() - started))
            except ConvertkitError as error:
                code, line = error.exit_code, error_line(error, hop)
                attempts.append(error_record(options, line, time.perf_counter() - started))
            if attempts[-1].status == "passed" and not asked.are_rivals:
                break
        if not made:
            return msgspec.structs.replace(
                blank_record(hop, attempts[-1].error or "", code), attempts=tuple(attempts), notes=notes
            )
        number = best_of(made) if asked.are_rivals else max(made)
        attempts[number] = msgspec.structs.replace(attempts[number], kept=True)
        write_replay(made[number].job, self._folder.path)
        record = self._conclude(hop, made[number], attempts)
        return msgspec.structs.replace(record, notes=(*record.notes, *notes))

    def _attempt(self, hop: Hop, source: Artifact, options: StageOptions, number: int) -> Made:
        """One conversion, or its stored result, and its judgement."""
        scratch = self._folder.scratch / f"{hop.stage.name}-{hop.target.precision}-{number}"
        scratch.mkdir()
        out = scratch / hop.target.file_name(STEM)
        job = self._job(hop, source, options, out)
        write_replay(job, self._folder.path)
        key = self._key(hop, source, options)
        stored = self._store.get(key, out) if self._store and key else None
        is_cached = stored is not None
        if stored is None:
            stored = self._convert(hop, options, job)
        digest, size = hash_artifact(out)
        artifact = Artifact(hop.target, str(out), stored.signature, digest, size, stored.loader)
        judgement = self._validator.judge(artifact, self._outputs[hop.source])
        if self._store and key:
            if judgement.reason:
                self._store.drop(key)
            elif not is_cached:
                self._store.put(key, out, stored)
        return Made(artifact, stored, judgement, is_cached, job)

    def _job(self, hop: Hop, source: Artifact, options: StageOptions, out: Path) -> ConvertJob:
        """What a worker is asked for one attempt; its scratch folder stands beside `out`."""
        work = out.parent / "work"
        work.mkdir()
        return ConvertJob(
            stage=hop.stage.name,
            source=source,
            target=hop.target,
            options=msgspec.to_builtins(options),
            out=str(out),
            scratch=str(work),
            examples=str(self._examples),
            calibration=str(self._calibration) if self._calibration else None,
        )

    def _convert(self, hop: Hop, options: StageOptions, job: ConvertJob) -> StoredHop:
        """Have a worker run the stage; a half-made artifact is removed."""
        try:
            answer = self._workers.ask(hop.stage.environment, job, log_name(hop))
        except BaseException:
            remove_artifact(Path(job.out))
            raise
        assert isinstance(answer, Converted)
        return StoredHop(
            answer.signature,
            options.converter,
            job.options,
            answer.notes,
            answer.seconds,
            answer.peak_rss_bytes,
            answer.loader,
        )

    def _key(self, hop: Hop, source: Artifact, options: StageOptions) -> str | None:
        """The store's key; None where the artifact depends on code of the user's."""
        if source.loader is not None and (source.loader.factory or source.loader.kind == "module"):
            return None
        calibration = hash_path(self._calibration)[0] if self._calibration else None
        extra = (extra_row(options.extra).package,) if options.extra else ()
        return hop_key(
            stage=hop.stage.name,
            target=str(hop.target),
            options=msgspec.to_builtins(options),
            source=source.sha256,
            signature=msgspec.to_builtins(source.signature),
            examples=hash_path(self._examples)[0],
            calibration=calibration if hop.target.precision.needs_calibration else None,
            interpreter=other_interpreter(hop.stage.environment),
            versions=package_versions((*hop.stage.packages, *extra)),
        )

    def _conclude(self, hop: Hop, made: Made, attempts: list[Attempt]) -> HopRecord:
        """The hop's record, with its artifact moved to where it belongs."""
        judgement = made.judgement
        name = hop.target.file_name(STEM)
        place = self._folder.reject if judgement.reason else self._folder.accept
        path = place(Path(made.artifact.path), name)
        artifact = msgspec.structs.replace(made.artifact, path=str(path))
        if judgement.reason:
            self.rejected[hop.target] = artifact
        else:
            self._artifacts[hop.target] = artifact
            self._outputs[hop.target] = judgement.outputs
        return HopRecord(
            stage=hop.stage.name,
            source=str(hop.source),
            target=str(hop.target),
            status="failed" if judgement.reason else "passed",
            cached=made.is_cached,
            converter=made.stored.converter,
            seconds=made.stored.seconds,
            peak_rss_bytes=made.stored.peak_rss_bytes,
            error=judgement.reason or None,
            artifact=ArtifactRecord(
                path=self._folder.relative(path),
                sha256=artifact.sha256,
                size_bytes=artifact.size_bytes,
                size_ratio=artifact.size_bytes / self._intake.artifact.size_bytes,
            ),
            attempts=tuple(attempts),
            vs_source=judgement.vs_source,
            vs_previous=judgement.vs_previous,
            accuracy=judgement.accuracy,
            dynamic_axes=judgement.dynamic_axes,
            field_runtime=judgement.field_runtime,
            notes=made.stored.notes,
            exit_code=GateError.exit_code if judgement.reason else 0,
        )


def other_interpreter(environment: str) -> str | None:
    """The interpreter of an environment that has one of its own, whose packages are not this one's."""
    python = interpreter(environment_row(environment))
    return None if python == Path(sys.executable) else str(python)


def log_name(hop: Hop) -> str:
    """Name of a hop's log file."""
    return f"{hop.stage.name}.{hop.target.precision}.log"


def error_line(error: ConvertkitError, hop: Hop) -> str:
    """The error, and where to read on where it has no better hint."""
    return str(error) if error.hint else f"{error} (see logs/{log_name(hop)})"


def has_dynamic_axes(artifact: Artifact) -> bool:
    """True where any input has one."""
    return any(spec.dynamic_axes for spec in artifact.signature.inputs)


def blank_record(hop: Hop, error: str, code: int) -> HopRecord:
    """The record of a hop that made nothing."""
    return HopRecord(
        stage=hop.stage.name,
        source=str(hop.source),
        target=str(hop.target),
        status="error",
        error=error,
        exit_code=code,
    )
