"""A whole fleet: its jobs, those that are done already, the engine for the rest, and the report of all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from convertkit import __version__
from convertkit.errors import UsageError, did_you_mean
from convertkit.fleets.child import convertkit_command, run_child
from convertkit.fleets.ending import Tries, record_of, report_of
from convertkit.fleets.fleet_file import Fleet, load_fleet
from convertkit.fleets.job import Job, key_of
from convertkit.fleets.latency import ALONE_NOTE, NONE_NOTE, measured_alone, without_latency
from convertkit.fleets.memory import Memory
from convertkit.fleets.ray_engine import RayEngine, connected
from convertkit.fleets.records import keep, kept
from convertkit.fleets.scheduler import run_jobs
from convertkit.render.fleet import render_fleet_junit, render_page
from convertkit.report.fleet import FLEET_FILE, FleetReport, JobRecord, worst_code, worst_status
from convertkit.report.report import write_json, write_whole
from convertkit.storage.locks import HeldError, locked

Told = Callable[[JobRecord], None]
INTERRUPTED = 130


class FleetRequest(msgspec.Struct, frozen=True):
    """A fleet as asked for.

    Attributes:
        address: of a Ray cluster; None: one of its own here.
        jobs: how many at once here; None: one for each core.
        is_resumed: leave what an earlier run of the fleet has done, where it is the same job.
        only: the one job to do, in this machine without Ray; empty: all.
    """

    file: Path
    address: str | None = None
    jobs: int | None = None
    is_resumed: bool = False
    only: str = ""


def run_fleet(
    request: FleetRequest, planned: Callable[[int], None] = lambda _: None, told: Told = lambda _: None
) -> FleetReport:
    """Do all jobs, or those that are left; `fleet.json` in the fleet's folder is the answer too.

    Args:
        planned: told how many there are.
        told: told of each as it is done.

    Raises:
        UsageError: the file cannot be used, or another process does the same fleet.
        MissingDependencyError: Ray is not installed.
    """
    started = datetime.now(UTC)
    fleet = load_fleet(request.file)
    planned(len(fleet.jobs))
    fleet.folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(fleet.folder, waits=False):
            return report_all(fleet, request, started, told)
    except HeldError as error:
        raise UsageError(
            f"{error} does the fleet in {fleet.folder}", hint="wait for it, or set out:"
        ) from None


def report_all(fleet: Fleet, request: FleetRequest, started: datetime, told: Told) -> FleetReport:
    """Do the jobs; the report has all that were done, however it ends."""
    begun, records = time.monotonic(), dict[str, JobRecord]()
    try:
        for job, record in done(fleet, request):
            if not record.is_kept:
                keep(record, job)
            is_new = job.name not in records  # else its latency was measured
            records[job.name] = record
            if is_new:
                told(record)
    finally:
        rows = [records.get(job.name) or interrupted(job) for job in fleet.jobs]
        report = FleetReport(
            convertkit=__version__,
            origin=fleet.origin,
            status=worst_status([row.status for row in rows]),
            exit_code=worst_code([row.exit_code for row in rows]),
            jobs=tuple(rows),
            started=started.isoformat(timespec="seconds"),
            seconds=time.monotonic() - begun,
            latency=ALONE_NOTE if fleet.latency == "alone" else NONE_NOTE,
        )
        write_json(report, fleet.folder / FLEET_FILE)
        write_whole(render_page(report, fleet.folder).encode(), fleet.folder / "fleet.html")
        write_whole(render_fleet_junit(report).encode(), fleet.folder / "junit.xml")
    return report


def interrupted(job: Job) -> JobRecord:
    """The record of a job that was not done before the fleet ended."""
    return JobRecord(
        name=job.name,
        model=job.model,
        folder=job.folder,
        key="",
        status="interrupted",
        exit_code=INTERRUPTED,
        message="not done: the fleet ended before",
        tries=0,
    )


def done(fleet: Fleet, request: FleetRequest) -> Iterator[tuple[Job, JobRecord]]:
    """Every job and its record, first those that are done already; again where its latency is measured."""
    left: list[tuple[Job, str]] = []
    for job in fleet.jobs:
        key = key_of(job)
        record = kept(job, key) if request.is_resumed else None
        if record is not None:
            yield job, record
        else:
            job.record_file.unlink(missing_ok=True)
            left.append((job, key))
    if not left:
        return
    by_name = {job.name: job for job, _ in left}
    for job, _ in left:
        without_latency(job).write_recipe()
    with connected(request.address, request.jobs) as ray:
        passed: dict[str, tuple[Job, JobRecord]] = {}
        for record in run_jobs(left, RayEngine(ray, Path.cwd()), Memory()):
            yield by_name[record.name], record
            if record.status == "passed":
                passed[record.name] = (by_name[record.name], record)
        if fleet.latency == "alone":
            for record in measured_alone(passed, RayEngine(ray, Path.cwd(), is_alone=True)):
                yield by_name[record.name], record


def run_one(request: FleetRequest) -> JobRecord:
    """Do one job of a fleet here, without Ray: what a workflow manager of another kind starts.

    Raises:
        UsageError: the file cannot be used, or has no such job.
    """
    fleet = load_fleet(request.file)
    by_name = {job.name: job for job in fleet.jobs}
    if request.only not in by_name:
        raise UsageError(
            f"{request.file} has no job '{request.only}'", hint=did_you_mean(request.only, by_name)
        )
    job = by_name[request.only]
    key = key_of(job)
    record = kept(job, key) if request.is_resumed else None
    if record is None:
        without_latency(job).write_recipe()
        exit = run_child(convertkit_command(job.words()), str(Path.cwd()))
        record = record_of(job, key, exit, report_of(job, exit), Tries(), "")
        keep(record, job)
    return record
