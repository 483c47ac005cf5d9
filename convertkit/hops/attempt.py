"""Attempts at one hop: what each of them made, and which of several is the best. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.files import hash_artifact
from convertkit.artifacts.transformation import REFINEMENT, Transformation
from convertkit.config.attempts import StageOptions
from convertkit.errors import ConvertkitError, GateError, StageError
from convertkit.hops.sizes import artifact_record
from convertkit.plan import Hop
from convertkit.report.refinement import RefinementRecord, describe
from convertkit.report.report import Attempt, HopRecord
from convertkit.storage.store import StoredHop
from convertkit.validation.judgement import Judgement
from convertkit.validation.powers import LARGEST_SQNR_DB
from convertkit.workers.jobs import ConvertJob

EQUAL_DB = 0.5


class Made(msgspec.Struct, frozen=True):
    """An artifact as an attempt left it, and what the gate says of it.

    Attributes:
        refinement: what was done to the graph that it is made from; None where nothing was.
        again: why it was made although the store has kept one of the same source; empty where it has not.
        recalled: when all outputs that were judged were computed; empty where some were just now.
        plain: the artifact before preprocessing was folded into it; None where none was.
    """

    artifact: Artifact
    stored: StoredHop
    judgement: Judgement
    is_cached: bool
    job: ConvertJob
    refinement: RefinementRecord | None = None
    again: str = ""
    recalled: str = ""
    plain: Artifact | None = None

    @property
    def sqnr_db(self) -> float | None:
        """The lowest of any output against the source; None where nothing could be compared."""
        compared = self.judgement.vs_source
        return compared.lowest_sqnr_db if compared is not None else None

    @property
    def transformations(self) -> tuple[Transformation, ...]:
        """What was done so that INT8 keeps its accuracy: to its source's graph, and by its stage."""
        done = self.refinement
        before = (Transformation(REFINEMENT, done.seconds, done.gain_db),) if done else ()
        return (*before, *self.stored.transformations)


def best_of(made: Mapping[int, Made]) -> int:
    """The number of the attempt to keep.

    Passing before failing; then more dynamic axes kept; then what the field runtime runs; then the higher
    accuracy, where it decides; then the higher SQNR, and of those within 0.5 dB of the highest the smallest
    file, the first of equals.
    """
    rank = max(map(standing, made.values()))
    rivals = most_accurate({number: one for number, one in made.items() if standing(one) == rank})
    figures = {number: decibels(one) for number, one in rivals.items()}
    highest = max(figures.values())
    equals = [number for number, figure in figures.items() if figure >= highest - EQUAL_DB]
    return min(equals, key=lambda number: (made[number].artifact.size_bytes, number))


def most_accurate(rivals: Mapping[int, Made]) -> Mapping[int, Made]:
    """Those of the highest accuracy, where it decides for each of them; else all."""
    known = {number: deciding_accuracy(one) for number, one in rivals.items()}
    values = [value for value in known.values() if value is not None]
    if len(values) < len(rivals):
        return rivals
    return {number: one for number, one in rivals.items() if known[number] == max(values)}


def deciding_accuracy(made: Made) -> float | None:
    """The accuracy of an integer artifact; None where there is none, or too few samples to go by it."""
    judgement = made.judgement
    if judgement.accuracy is None or judgement.vs_source is None:
        return None
    most = judgement.vs_source.tolerance.max_accuracy_drop
    decides = made.artifact.variant.precision.is_integer and judgement.accuracy.can_decide(most)
    return judgement.accuracy.value if decides else None


def decibels(made: Made) -> float:
    """Its SQNR; the worst there is where nothing could be compared."""
    return -LARGEST_SQNR_DB if made.sqnr_db is None else made.sqnr_db


def standing(made: Made) -> tuple[bool, int, bool]:
    """What decides before accuracy and SQNR do, the better the higher."""
    judgement = made.judgement
    field = judgement.field_runtime
    return (
        not judgement.reason,
        sum(axis.kept for axis in judgement.dynamic_axes),
        field is None or field.status != "failed",
    )


def made_record(options: StageOptions, made: Made, seconds: float) -> Attempt:
    """The record of an attempt that made an artifact."""
    judgement = made.judgement
    return Attempt(
        converter=options.converter,
        options=msgspec.to_builtins(options),
        status="failed" if judgement.reason else "passed",
        error=judgement.reason or None,
        seconds=seconds,
        sqnr_db=made.sqnr_db,
        accuracy=judgement.accuracy.value if judgement.accuracy else None,
        size_bytes=made.artifact.size_bytes,
    )


def error_record(options: StageOptions, error: str, seconds: float) -> Attempt:
    """The record of an attempt that made nothing."""
    return Attempt(
        converter=options.converter,
        options=msgspec.to_builtins(options),
        status="error",
        error=error,
        seconds=seconds,
    )


def with_gain(made: Made, others: Iterable[Made]) -> Made:
    """The same with what its transformations gain over the best of the others that were made without.

    Its refinement over all without one; another over those that have the rest of its transformations.
    """
    known = [one for one in others if one.sqnr_db is not None]
    if made.sqnr_db is None:
        return made
    stored = msgspec.structs.replace(
        made.stored,
        transformations=tuple(measured(made, each, known) for each in made.stored.transformations),
    )
    plain = [one.sqnr_db for one in known if one.refinement is None and one.sqnr_db is not None]
    record = made.refinement
    if record is not None and plain:
        record = msgspec.structs.replace(record, gain_db=made.sqnr_db - max(plain))
    return msgspec.structs.replace(made, stored=stored, refinement=record)


def measured(made: Made, done: Transformation, others: Sequence[Made]) -> Transformation:
    """A transformation with its gain over the best that differs in it alone; as it is where none does."""
    rest = {each.name for each in made.transformations} - {done.name}
    plain = [one.sqnr_db for one in others if {each.name for each in one.transformations} == rest]
    best = max((figure for figure in plain if figure is not None), default=None)
    if done.gain_db is not None or best is None or made.sqnr_db is None:
        return done
    return msgspec.structs.replace(done, gain_db=made.sqnr_db - best)


def moved(made: Made, path: Path) -> Made:
    """The same with its artifact elsewhere."""
    return msgspec.structs.replace(made, artifact=msgspec.structs.replace(made.artifact, path=str(path)))


def log_name(hop: Hop) -> str:
    """Name of a hop's log file."""
    return f"{hop.stage.name}.{hop.target.precision}.log"


def error_line(error: ConvertkitError, hop: Hop) -> str:
    """The error, and where to read on where it has no better hint."""
    return str(error) if error.hint else f"{error} (see logs/{log_name(hop)})"


def check_same(artifact: Artifact) -> None:
    """Raise StageError where an artifact is no longer what was judged: something has written to it since."""
    if hash_artifact(artifact.file)[0] != artifact.sha256:
        raise StageError(
            f"{artifact.file.name} was changed after it was judged", hint="run it again; see the logs"
        )


def has_dynamic_axes(artifact: Artifact) -> bool:
    """True where any input has one."""
    return any(spec.dynamic_axes for spec in artifact.signature.inputs)


def hop_record(
    hop: Hop,
    made: Made,
    attempts: tuple[Attempt, ...],
    *,
    path: str,
    source_sizes: tuple[int, int | None],
) -> HopRecord:
    """The record of a hop that made an artifact, passed or not.

    Args:
        path: where it stands, relative to the run's folder.
        source_sizes: bytes of the model that came in, and of its weights, None where nobody tells those.
    """
    judgement, stored, artifact = made.judgement, made.stored, made.artifact
    return HopRecord(
        stage=hop.stage.name,
        source=str(hop.source),
        target=str(hop.target),
        status="failed" if judgement.reason else "passed",
        cached=made.is_cached,
        converter=stored.converter,
        seconds=stored.seconds,
        peak_rss_bytes=stored.peak_rss_bytes,
        error=judgement.reason or None,
        artifact=artifact_record(artifact, stored, path, *source_sizes),
        attempts=attempts,
        vs_source=judgement.vs_source,
        vs_previous=judgement.vs_previous,
        accuracy=judgement.accuracy,
        dynamic_axes=judgement.dynamic_axes,
        field_runtime=judgement.field_runtime,
        delegation=judgement.delegation,
        notes=(*stored.notes, *((describe(made.refinement),) if made.refinement else ())),
        ran_again=made.again,
        recalled=made.recalled,
        exit_code=GateError.exit_code if judgement.reason else 0,
        refinement=made.refinement,
        transformations=made.transformations,
        inputs=artifact.signature.inputs,
        outputs=artifact.signature.outputs,
    )


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


def refused_record(hop: Hop, reason: str) -> HopRecord:
    """The record of a hop that was not run, because nothing could be judged by the source as it is."""
    return msgspec.structs.replace(blank_record(hop, reason, GateError.exit_code), status="failed")
