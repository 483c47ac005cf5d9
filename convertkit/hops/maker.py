"""One conversion, by a worker or out of the store. Judges nothing."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.files import remove_artifact
from convertkit.config.attempts import StageOptions
from convertkit.hops.attempt import log_name
from convertkit.hops.inputs import HopInputs
from convertkit.hops.provenance import Provenance, provenance_of
from convertkit.plan import Hop
from convertkit.storage.store import Store, StoredHop, key_parts
from convertkit.workers.answers import Converted, Sensitivities
from convertkit.workers.jobs import ConvertJob, SensitivityJob
from convertkit.workers.pool import Workers


class Taken(msgspec.Struct, frozen=True):
    """An artifact at its place.

    Attributes:
        stored: how it was made.
        is_cached: it came out of the store.
        again: why it was made although the store has kept one of the same source; empty where it has not.
    """

    stored: StoredHop
    is_cached: bool
    again: str = ""


class Maker:
    """Has artifacts made, each once where there is a store."""

    def __init__(self, workers: Workers, store: Store | None) -> None:
        self._workers = workers
        self._store = store

    @contextlib.contextmanager
    def making(self, hop: Hop, options: StageOptions, job: ConvertJob) -> Iterator[Taken]:
        """Have the artifact stand at `job.out`; whoever else wants the same one waits until the block ends.

        Raises:
            ConvertkitError: the stage failed.
        """
        origin = provenance_of(hop, options, job) if self._store else None
        if self._store is None or origin is None:
            yield Taken(self._convert(hop, options, job), False)
            return
        with self._store.making(origin.key):
            yield self._take(hop, options, job, origin, self._store)

    def _take(
        self, hop: Hop, options: StageOptions, job: ConvertJob, origin: Provenance, store: Store
    ) -> Taken:
        """The artifact out of the store, or made, and why."""
        known, damaged = origin.key, len(store.quarantined)
        stored = store.get(known, Path(job.out))
        if stored is not None:
            return Taken(stored, True)
        again = "the one in the store was damaged" if len(store.quarantined) > damaged else ""
        before = store.last_of(origin.line)
        again = again or (origin.since(before) if before else "")
        made = self._convert(hop, options, job)
        return Taken(msgspec.structs.replace(made, parts=key_parts(**origin.parts)), False, again)

    def remember(self, hop: Hop, options: StageOptions, job: ConvertJob, stored: StoredHop) -> None:
        """Keep an artifact that passed its gate."""
        origin = provenance_of(hop, options, job) if self._store else None
        if self._store and origin:
            self._store.put(origin.key, Path(job.out), stored, origin.line)

    def forget(self, hop: Hop, options: StageOptions, job: ConvertJob) -> None:
        """Keep no artifact that failed its gate."""
        origin = provenance_of(hop, options, job) if self._store else None
        if self._store and origin:
            self._store.drop(origin.key)

    def sensitivities(self, hop: Hop, job: SensitivityJob) -> Sensitivities:
        """Have a worker measure what leaving operators float gains.

        Raises:
            ConvertkitError: it cannot be measured.
        """
        answer = self._workers.ask(hop.stage.environment, job, log_name(hop))
        assert isinstance(answer, Sensitivities)
        return answer

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
            transformations=answer.transformations,
            weights_bytes=answer.weights_bytes,
            compressed_bytes=answer.compressed_bytes,
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
    common = hashlib.sha256(f"{source.sha256} {samples}".encode()).hexdigest()[:16]
    return ConvertJob(
        stage=hop.stage.name,
        source=source,
        target=hop.target,
        options=msgspec.to_builtins(options),
        out=str(out),
        scratch=str(work),
        examples=str(inputs.examples),
        calibration=str(samples) if samples else None,
        shared=str(out.parent.parent / f"shared-{common}"),
    )
