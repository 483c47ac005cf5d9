"""What the end of a try means: done for good, or to be done again; its record. Decides, starts nothing."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import Literal

import msgspec

from convertkit.errors import UsageError
from convertkit.fleets.child import Exit
from convertkit.fleets.job import Job
from convertkit.report.fleet import JobRecord, JobStatus
from convertkit.report.report import Report, exit_code, load_report

UNEXPECTED = 1
CRASH_TRIES = 2
LOST_TRIES = 5
REFUSED = (2, 3, 4, 6)
BY_CODE: dict[int, JobStatus] = {0: "passed", 5: "error", 7: "failed", 8: "failed"}

Cause = Literal["done", "crashed", "lost"]


class Tries(msgspec.Struct, frozen=True):
    """How often a job was started, and why again.

    Attributes:
        crashed: its process ended by a signal or an unexpected error, or its workers were killed.
        lost: whoever looked after it was lost.
    """

    crashed: int = 0
    lost: int = 0

    def after(self, cause: Cause) -> Tries:
        """With one more of that cause."""
        return Tries(self.crashed + (cause == "crashed"), self.lost + (cause == "lost"))

    @property
    def is_over(self) -> bool:
        """True where no further try may help: a crash is tried once more, a loss several times."""
        return self.crashed >= CRASH_TRIES or self.lost >= LOST_TRIES

    @property
    def count(self) -> int:
        """Tries so far that did not end the job."""
        return self.crashed + self.lost


def cause_of(exit: Exit | None, report: Report | None) -> Cause:
    """Why a try ended. A refusal, a failed gate and a stage's own error would come again: they are done.

    Args:
        exit: None where whoever looked after it was lost.
        report: of its run; None where it wrote none.
    """
    if exit is None:
        return "lost"
    if exit.code < 0 or exit.code == UNEXPECTED:
        return "crashed"
    hops = report.hops if report is not None else ()
    if exit.code != 0 and any(hop.lost_workers and hop.status == "error" for hop in hops):
        return "crashed"
    return "done"


def report_of(job: Job, exit: Exit | None) -> Report | None:
    """The report that the try wrote; None where it wrote none, and what lies there is of an earlier one."""
    with contextlib.suppress(UsageError):
        report = load_report(Path(job.folder))
        if exit is not None and exit_code(report) == exit.code:
            return report
    return None


def record_of(
    job: Job, key: str, exit: Exit | None, report: Report | None, tries: Tries, node: str
) -> JobRecord:
    """The record of a job after its last try."""
    code = shell_code(exit)
    return JobRecord(
        name=job.name,
        model=job.model,
        folder=job.folder,
        key=key,
        status=status_of(code),
        exit_code=code,
        message=message_of(exit, report if code else None),
        seconds=exit.seconds if exit is not None else 0.0,
        tries=tries.count + (cause_of(exit, report) == "done"),
        lost=tries.lost,
        peak_bytes=exit.peak_bytes if exit is not None else 0,
        node=node,
    )


def shell_code(exit: Exit | None) -> int:
    """The exit code as `convertkit convert` has them: a signal of its own making is unexpected."""
    return exit.code if exit is not None and exit.code >= 0 else UNEXPECTED


def status_of(code: int) -> JobStatus:
    """What an exit code of a run means for its job."""
    if code > 128:
        return "interrupted"
    return "refused" if code in REFUSED else BY_CODE.get(code, "error")


def message_of(exit: Exit | None, report: Report | None) -> str:
    """One line: the run's own error, or that of the first hop that has one; empty where it passed."""
    if exit is None:
        return "lost: the process or node that ran it ended"
    if exit.code == 0:
        return ""
    if exit.code < 0:
        return f"ended by {signal.Signals(-exit.code).name}"
    return (
        exit.message or next((hop.error for hop in report.hops if hop.error), "") if report else exit.message
    )
