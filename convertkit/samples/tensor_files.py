"""Files of torch.save with tensors as samples; read in a worker of their own, as data, never as a program."""

from __future__ import annotations

from pathlib import Path

from convertkit.artifacts.digest import hash_path
from convertkit.config.run_settings import LimitOptions
from convertkit.errors import ModelFileError, SamplesError
from convertkit.samples.arrays import checked_arrays
from convertkit.samples.rows import map_file
from convertkit.samples.samples import Samples
from convertkit.sources import Kind, inspect_source
from convertkit.storage.store import Store
from convertkit.storage.temporary import temporary_folder
from convertkit.workers.answers import Unpacked
from convertkit.workers.jobs import UnpackJob
from convertkit.workers.known import KnownAnswers
from convertkit.workers.pool import Workers

SUFFIXES = frozenset((".pt", ".pth", ".ckpt", ".tar"))
LIMITS = LimitOptions(job_seconds=600.0)


def load_tensors(path: Path, store: Store | None = None) -> Samples:
    """Tensors of a `.pt` file, as the same things would be read in Python; not yet matched with a model.

    Args:
        store: keeps what a worker has read of it.

    Raises:
        SamplesError: it is missing, damaged, a program, a model, or holds no samples.
    """
    refuse_programs(path)
    with temporary_folder() as scratch:
        job = UnpackJob(str(path.resolve()), str(scratch / "samples.npz"))
        known = KnownAnswers(store, LIMITS) if store else None
        with Workers(scratch, LIMITS, threads=1, known=known) as workers:
            answer = workers.ask("torch", job, "samples.log")
        assert isinstance(answer, Unpacked)
        arrays = map_file(Path(job.out))  # the mapping outlives the folder
    return checked_arrays(path, arrays, hash_path(path)[0], answer.notes)


def refuse_programs(path: Path) -> None:
    """Raise SamplesError where the file is anything but tensors; it is not loaded to find out."""
    try:
        file = inspect_source(path)
    except ModelFileError as error:
        raise SamplesError(error.message) from None
    if file.kind is Kind.STATE_DICT and not file.refusals:
        return
    reason = "; ".join(file.refusals) or f"it is a model ({file.kind})"
    raise SamplesError(
        f"{path} holds no plain tensors: {reason}",
        hint="save tensors alone: torch.save({'input': tensor, 'labels': labels}, 'samples.pt')",
    )
