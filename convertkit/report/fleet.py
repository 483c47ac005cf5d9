"""The report of a fleet of runs: its types (the contract of `fleet.json`). Renders nothing."""

from __future__ import annotations

from typing import Literal

import msgspec

from convertkit.report.report import Record

FLEET_FILE = "fleet.json"

JobStatus = Literal["passed", "failed", "error", "refused", "interrupted"]
STATUSES: tuple[JobStatus, ...] = ("passed", "failed", "error", "refused", "interrupted")


class JobRecord(Record, frozen=True, kw_only=True):
    """What became of one job.

    Attributes:
        folder: of its run.
        key: SHA-256 of what was asked for, with the bytes of model and samples: the same key is the same job.
        status: `failed`: a gate did; `error`: something broke; `refused`: it could not be started as it was
            asked for, and no other try would end otherwise.
        exit_code: that of its last try, as `convertkit convert` has them; 1 where a signal ended it.
        message: one line; empty where it passed.
        seconds: wall time of its last try.
        tries: how often it was started.
        lost: of these, ended by the loss of the node or process that looked after them.
        peak_bytes: largest resident memory of the run and all its workers, of the last try.
        node: where the last try ran.
        p50_ms: median latency on the CPU of what it ships, by file; empty where it was not measured.
        is_kept: taken from an earlier run of the fleet, not done again.
    """

    name: str
    model: str
    folder: str
    key: str
    status: JobStatus
    exit_code: int
    message: str = ""
    seconds: float = 0.0
    tries: int = 1
    lost: int = 0
    peak_bytes: int = 0
    node: str = ""
    p50_ms: dict[str, float] = msgspec.field(default_factory=dict)
    is_kept: bool = False


class FleetReport(Record, frozen=True, kw_only=True):
    """A whole fleet. `fleet.json` is this, as JSON; fields may be added, none renamed.

    Attributes:
        origin: the file that was asked for.
        status: `passed` where every job did; else that of the worst.
        started: ISO 8601, UTC.
        seconds: wall time of all.
        latency: where latencies of the runs come from, or why there are none.
    """

    schema_version: int = 1
    convertkit: str
    origin: str
    status: JobStatus
    exit_code: int
    jobs: tuple[JobRecord, ...]
    started: str
    seconds: float
    latency: str


# The worst first: nobody knows what happened, it was interrupted, something broke, something is missing, what
# was given is unusable, an artifact is not the source's, something was not measured.
WORST = (1, 130, 143, 129, 5, 4, 6, 3, 2, 7, 8, 0)


def worst_code(codes: list[int]) -> int:
    """The exit code of many, by what they mean and not by their size; 0 of none."""
    return min(codes, key=lambda code: WORST.index(code) if code in WORST else 0, default=0)


def worst_status(statuses: list[JobStatus]) -> JobStatus:
    """The status of many: `interrupted`, `error`, `refused` and `failed` come before `passed`."""
    order: tuple[JobStatus, ...] = ("interrupted", "error", "refused", "failed", "passed")
    return min(statuses, key=order.index, default="passed")
