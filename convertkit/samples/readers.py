"""Workers that read files of samples: limits of their own, answers kept by the content of the files."""

from __future__ import annotations

from pathlib import Path

from convertkit.artifacts.signature import Array
from convertkit.config.run_settings import LimitOptions
from convertkit.errors import Ended, StageError
from convertkit.samples.rows import map_file
from convertkit.storage.store import Store
from convertkit.storage.temporary import temporary_folder
from convertkit.workers.jobs import Job
from convertkit.workers.known import KnownAnswers
from convertkit.workers.pool import Workers
from convertkit.workers.sample_files import InflateJob

ENVIRONMENT = "samples"
LIMITS = LimitOptions(job_seconds=600.0, memory_bytes=4 << 30)


def readers(scratch: Path, store: Store | None) -> Workers:
    """Workers that may write to a folder, and are not asked what the store knows."""
    known = KnownAnswers(store, LIMITS) if store else None
    return Workers(scratch, LIMITS, threads=1, known=known)


def have_read(workers: Workers, job: Job) -> None:
    """Have a job done.

    Raises:
        ConvertkitError: the files cannot be read, or the worker ended.
    """
    try:
        workers.ask(ENVIRONMENT, job, "samples.log")
    except Ended as ended:
        raise ended.error from ended


def inflated(path: Path, sha256: str, store: Store | None) -> dict[str, Array]:
    """The arrays of a compressed `.npz`, mapped from a file that goes with them.

    Raises:
        ValueError, OSError: it is damaged, or holds something else than arrays of numbers.
        WorkerError: the worker that unpacks it ended.
    """
    with temporary_folder() as scratch, readers(scratch, store) as workers:
        job = InflateJob(str(path.resolve()), sha256, str(scratch / "arrays.npz"))
        try:
            have_read(workers, job)
        except StageError as error:
            if type(error) is StageError:  # an exception of the archive's reader
                raise ValueError(error.message) from None
            raise
        return map_file(Path(job.out))  # the mapping outlives the folder
