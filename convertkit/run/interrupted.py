"""A run that is ended before its end: what it had finished is in its report all the same."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.errors import Ended, Stopped
from convertkit.hops.attempt import blank_record
from convertkit.hops.runner import HopRunner
from convertkit.plan import Hop
from convertkit.report.report import HopRecord, Report
from convertkit.run.prepare import Prepared
from convertkit.run.publish import build_report, write_run
from convertkit.samples.intake import Intake
from convertkit.storage.run_folder import RunFolder
from convertkit.workers.pool import Workers

INTERRUPTED = 130


class Finished(msgspec.Struct):
    """What a run has finished so far.

    Attributes:
        records: of hops, in order.
        runner: which knows what they made; None before the first.
    """

    records: list[HopRecord] = []
    runner: HopRunner | None = None


@contextlib.contextmanager
def reported_when_ended(
    prepared: Prepared, intake: Intake, folder: RunFolder, workers: Workers, started: datetime
) -> Iterator[Finished]:
    """Where the block is ended from outside, write the report with what was finished, and go on ending."""
    finished = Finished()
    try:
        yield finished
    except (KeyboardInterrupt, Ended) as end:
        with contextlib.suppress(OSError):  # the disk may be full
            report = unfinished(finished, reason_of(end), prepared, intake, started)
            report = msgspec.structs.replace(report, status="interrupted", sandbox=workers.sandbox)
            made = made_by(finished.runner, prepared.hops[: len(finished.records)])
            write_run(report, [intake.artifact, *made], folder)
            folder.keep()
        raise


def reason_of(end: BaseException) -> tuple[str, int]:
    """Why a run ended, and the exit code of that."""
    if isinstance(end, Ended):
        return end.error.message, end.error.exit_code
    return f"interrupted{f' by {end.name}' if isinstance(end, Stopped) else ''}", (
        end.exit_code if isinstance(end, Stopped) else INTERRUPTED
    )


def unfinished(
    finished: Finished, reason: tuple[str, int], prepared: Prepared, intake: Intake, started: datetime
) -> Report:
    """The report; hops that are not finished are `not run`, with the reason."""
    message, code = reason
    done = finished.records
    left = [blank_record(hop, f"not run: {message}", code) for hop in prepared.hops[len(done) :]]
    return build_report(
        intake,
        [*done, *left],
        targets=prepared.targets,
        notes=(f"this run ended before its end: {message}",),
        source_latency=(),
        nonfinite=None,
        started=started,
        sandbox="",
    )


def made_by(runner: HopRunner | None, hops: list[Hop]) -> list[Artifact]:
    """The artifacts of finished hops, those that failed their gates last."""
    if runner is None:
        return []
    passed = [artifact for hop in hops if (artifact := runner.artifact_of(hop.target)) is not None]
    return [*passed, *runner.rejected.values()]
