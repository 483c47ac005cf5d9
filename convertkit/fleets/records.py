"""What became of jobs, one small file each, written as soon as it is known: what `--resume` goes by."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from convertkit.fleets.job import Job
from convertkit.report.fleet import JobRecord
from convertkit.report.report import FILE_NAME, write_json

FINAL = ("passed", "failed", "refused")


def keep(record: JobRecord, job: Job) -> None:
    """Write the record of a job."""
    job.record_file.parent.mkdir(parents=True, exist_ok=True)
    write_json(record, job.record_file)


def kept(job: Job, key: str) -> JobRecord | None:
    """The record of the same job, where nothing else would come of it now; None where it is to be done.

    What code of the user's makes is always to be done: no key covers that code.
    """
    if job.allow_code or job.recipe.factory:
        return None
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        record = msgspec.json.decode(job.record_file.read_bytes(), type=JobRecord)
        has_report = record.status == "refused" or (Path(job.folder) / FILE_NAME).is_file()
        if record.key == key and record.status in FINAL and has_report:
            return msgspec.structs.replace(record, is_kept=True)
    return None
