"""One conversion, by a worker or out of the store. Judges nothing."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.files import hash_artifact, remove_artifact
from convertkit.artifacts.formats import Format
from convertkit.artifacts.pixels import Fold
from convertkit.artifacts.signature import folded
from convertkit.config.attempts import StageOptions
from convertkit.errors import ConvertkitError
from convertkit.hops.attempt import log_name
from convertkit.hops.failures import is_the_models, keep_failure, kept_failure
from convertkit.hops.inputs import HopInputs
from convertkit.hops.provenance import Provenance, provenance_of
from convertkit.plan import Hop
from convertkit.storage.store import Store, StoredHop, key_parts
from convertkit.workers.answers import Converted, Sensitivities
from convertkit.workers.folded import FoldJob
from convertkit.workers.jobs import ConvertJob, SensitivityJob
from convertkit.workers.pool import Workers

FOLDED = "folded"
FOLDS_IN = {Format.ONNX: "onnx", Format.SAVEDMODEL: "tf", Format.TFLITE: "tf"}
"""The environment in which preprocessing is put into an artifact of each format."""


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

    def __init__(self, workers: Workers, store: Store | None, *, retries: bool = False) -> None:
        """Nothing is made yet.

        Args:
            retries: make again what the store has of artifacts that failed their gates, and of failures.
        """
        self._workers = workers
        self._store = store
        self._retries = retries

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
        """The artifact out of the store, or made, and why.

        Raises:
            ConvertkitError: it could not be made, now or before.
        """
        known, damaged = origin.key, len(store.quarantined)
        stored = store.get(known, Path(job.out))
        if stored is not None and not (stored.failed and self._retries):
            return Taken(stored, True)
        remove_artifact(Path(job.out))
        if not self._retries and (failure := kept_failure(store, origin)):
            raise failure
        again = "the one in the store was damaged" if len(store.quarantined) > damaged else ""
        before = store.last_of(origin.line)
        again = again or (origin.since(before) if before else "")
        try:
            made = self._convert(hop, options, job)
        except ConvertkitError as error:
            if is_the_models(error, self._workers.peak_bytes):
                keep_failure(store, origin, error)
            raise
        return Taken(msgspec.structs.replace(made, parts=key_parts(**origin.parts)), False, again)

    def folded(self, plain: Artifact, fold: Fold | None) -> Artifact:
        """The artifact with its preprocessing folded in, beside it; itself where nothing is to be.

        Raises:
            ConvertkitError: it cannot take it.
        """
        if fold is None:
            return plain
        out = plain.file.parent / FOLDED / plain.file.name
        out.parent.mkdir()
        environment = FOLDS_IN[plain.variant.format]
        self._workers.ask(environment, FoldJob(plain, fold, str(out)), "fold.log")
        signature = folded(plain.signature, fold)
        return Artifact(plain.variant, str(out), signature, *hash_artifact(out), plain.loader)

    def remember(
        self, hop: Hop, options: StageOptions, job: ConvertJob, stored: StoredHop, failed: str = ""
    ) -> None:
        """Keep an artifact, which is judged anew each time.

        Args:
            failed: why its gate failed it; empty where it passed.
        """
        origin = provenance_of(hop, options, job) if self._store else None
        if self._store and origin:
            kept = msgspec.structs.replace(stored, failed=failed)
            self._store.put(origin.key, Path(job.out), kept, origin.line)

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
