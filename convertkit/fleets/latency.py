"""Latency of a fleet's artifacts: not while jobs share a machine; afterwards, one run a node at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from convertkit.fleets.job import RECORDS, Job
from convertkit.fleets.memory import Memory
from convertkit.fleets.scheduler import Engine, run_jobs
from convertkit.measurement.measured import Measured
from convertkit.report.fleet import JobRecord

SHARED = "other jobs of the fleet shared the machine"
NONE_NOTE = f"latency was not measured: {SHARED} (latency: alone measures it afterwards)"
ALONE_NOTE = "latency was measured after all conversions, by jobs that held their node alone"


class Measuring(Job, frozen=True):
    """`bench` of a job's run, in the place of its conversion."""

    def words(self) -> list[str]:
        """What `convertkit` is told to measure the run."""
        samples = ["--samples", self.recipe.samples] if self.recipe.samples else []
        allowed = ["--allow-code"] if self.allow_code else []
        return ["bench", self.folder, "--json", *samples, *allowed]

    @property
    def output(self) -> str:
        """The file that takes what it prints."""
        return str(Path(self.folder).parent / RECORDS / f"{self.name}.bench.json")


def without_latency(job: Job) -> Job:
    """The job, told not to measure latency: jobs beside it would be measured too."""
    bench = msgspec.structs.replace(job.recipe.bench, skip=SHARED)
    return msgspec.structs.replace(job, recipe=msgspec.structs.replace(job.recipe, bench=bench))


def measured_alone(passed: Mapping[str, tuple[Job, JobRecord]], engine: Engine) -> Iterator[JobRecord]:
    """The records of jobs that passed, with the latencies of their artifacts, each as soon as it is there."""
    orders = [Measuring(**msgspec.structs.asdict(job)) for job, _ in passed.values()]
    for ended in run_jobs(((order, "") for order in orders), engine, Memory()):
        job, record = passed[ended.name]
        p50_ms = p50_of(Measuring(**msgspec.structs.asdict(job)))
        note = "" if p50_ms else f"not measured: {ended.message or 'bench said nothing'}"
        yield msgspec.structs.replace(record, p50_ms=p50_ms, message=note)


def p50_of(order: Measuring) -> dict[str, float]:
    """Median milliseconds on the CPU by artifact; none where nothing was measured."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        rows = msgspec.json.decode(Path(order.output).read_bytes(), type=list[Measured])
        return {
            Path(row.path).name: row.latency[0].p50_ms
            for row in rows
            if row.latency and row.latency[0].p50_ms
        }
    return {}
