"""One conversion, by a worker or out of the store. Judges nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.files import remove_artifact
from convertkit.config.attempts import StageOptions
from convertkit.environment.interpreters import interpreter
from convertkit.environment.versions import package_versions
from convertkit.hops.attempt import log_name
from convertkit.hops.inputs import HopInputs
from convertkit.plan import Hop
from convertkit.registry import environment_row, extra_row
from convertkit.storage.store import Store, StoredHop, hop_key
from convertkit.workers.answers import Converted
from convertkit.workers.jobs import ConvertJob
from convertkit.workers.pool import Workers


class Maker:
    """Has artifacts made, each once where there is a store."""

    def __init__(self, workers: Workers, store: Store | None) -> None:
        self._workers = workers
        self._store = store

    def make(self, hop: Hop, options: StageOptions, job: ConvertJob) -> tuple[StoredHop, bool]:
        """Have the artifact stand at `job.out`.

        Returns:
            How it was made, and whether it came out of the store.

        Raises:
            ConvertkitError: the stage failed.
        """
        key = store_key(hop, options, job)
        stored = self._store.get(key, Path(job.out)) if self._store and key else None
        return (stored, True) if stored is not None else (self._convert(hop, options, job), False)

    def remember(self, hop: Hop, options: StageOptions, job: ConvertJob, stored: StoredHop) -> None:
        """Keep an artifact that passed its gate."""
        key = store_key(hop, options, job)
        if self._store and key:
            self._store.put(key, Path(job.out), stored)

    def forget(self, hop: Hop, options: StageOptions, job: ConvertJob) -> None:
        """Keep no artifact that failed its gate."""
        key = store_key(hop, options, job)
        if self._store and key:
            self._store.drop(key)

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


def convert_job(
    hop: Hop, source: Artifact, options: StageOptions, out: Path, inputs: HopInputs, calibration: Path | None
) -> ConvertJob:
    """What a worker is asked for one attempt; its scratch folder is made beside `out`.

    Args:
        calibration: samples to calibrate with; None: the calibration split.
    """
    samples = calibration or inputs.calibration
    work = out.parent / "work"
    work.mkdir()
    return ConvertJob(
        stage=hop.stage.name,
        source=source,
        target=hop.target,
        options=msgspec.to_builtins(options),
        out=str(out),
        scratch=str(work),
        examples=str(inputs.examples),
        calibration=str(samples) if samples else None,
    )


def store_key(hop: Hop, options: StageOptions, job: ConvertJob) -> str | None:
    """The store's key; None where the artifact depends on code of the user's."""
    source = job.source
    if source.loader is not None and (source.loader.factory or source.loader.kind == "module"):
        return None
    calibration = hash_path(Path(job.calibration))[0] if job.calibration else None
    extra = (extra_row(options.extra).package,) if options.extra else ()
    return hop_key(
        stage=hop.stage.name,
        target=str(hop.target),
        options=msgspec.to_builtins(options),
        source=source.sha256,
        half=source.half,
        signature=msgspec.to_builtins(source.signature),
        examples=hash_path(Path(job.examples))[0],
        calibration=calibration if hop.target.precision.needs_calibration else None,
        interpreter=other_interpreter(hop.stage.environment),
        versions=package_versions((*hop.stage.packages, *extra)),
    )


def other_interpreter(environment: str) -> str | None:
    """The interpreter of an environment that has one of its own, whose packages are not this one's."""
    python = interpreter(environment_row(environment))
    return None if python == Path(sys.executable) else str(python)
