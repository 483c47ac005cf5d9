"""Whether a worker answered what it was asked: a model that took it over may answer anything."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import msgspec

from convertkit.artifacts.files import sidecar
from convertkit.errors import WorkerSilentError
from convertkit.workers.answers import (
    Answer,
    Benched,
    Converted,
    Described,
    Inferred,
    Observed,
    OriginFound,
    Refined,
    Sensitivities,
    Started,
    Tokenized,
    Traced,
    Unpacked,
)
from convertkit.workers.built import BuildJob, Built
from convertkit.workers.folded import Folded, FoldJob
from convertkit.workers.jobs import (
    BenchJob,
    ConvertJob,
    DescribeJob,
    InferJob,
    Job,
    ObserveJob,
    OriginJob,
    RefineJob,
    SensitivityJob,
    StartJob,
    TokenizeJob,
    TraceJob,
    UnpackJob,
)
from convertkit.workers.profiled import Profiled, ProfileJob
from convertkit.workers.sample_files import DecodeJob, InflateJob, LookJob, Seen

LARGEST_BYTES = 64 << 20  # of an answer; one with names of a hundred thousand tensors has a tenth of it
ANSWERS: dict[type[Job], tuple[type[Answer], str]] = {
    BenchJob: (Benched, ""),
    BuildJob: (Built, "out"),
    ConvertJob: (Converted, "out"),
    DecodeJob: (Seen, "out"),
    DescribeJob: (Described, ""),
    FoldJob: (Folded, "out"),
    InferJob: (Inferred, "outputs"),
    InflateJob: (Seen, "out"),
    LookJob: (Seen, ""),
    ObserveJob: (Observed, "ranges"),
    OriginJob: (OriginFound, ""),
    ProfileJob: (Profiled, "trace"),
    RefineJob: (Refined, "out"),
    SensitivityJob: (Sensitivities, ""),
    StartJob: (Started, ""),
    TokenizeJob: (Tokenized, "out"),
    TraceJob: (Traced, "values"),
    UnpackJob: (Unpacked, "out"),
}
"""The answer that each job has, and its field with what the worker leaves there."""
ARRAYS = (DecodeJob, InferJob, InflateJob, ObserveJob, TokenizeJob, TraceJob, UnpackJob)
DECODER: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def decoded(line: bytes) -> Answer:
    """The answer that a line holds.

    Raises:
        WorkerSilentError: it holds none.
    """
    try:
        return DECODER.decode(line)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise WorkerSilentError(f"the worker's answer cannot be read: {error}") from None


def bounded(received: bytes) -> bytes:
    """What was received so far; a WorkerSilentError where that is longer than any answer is."""
    if len(received) > LARGEST_BYTES:
        raise WorkerSilentError(f"the worker's answer is longer than {LARGEST_BYTES >> 20} MiB")
    return received


def check_answer(job: Job, answer: Answer) -> None:
    """Raise WorkerSilentError where the answer is another job's, or what it left is no file."""
    kind, field = ANSWERS[type(job)]
    if not isinstance(answer, kind):
        raise WorkerSilentError(f"the worker answered {type(answer).__name__}, not {kind.__name__}")
    if isinstance(answer, Described):
        for name in answer.external_data:
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise WorkerSilentError(f"the worker answered with a file outside the model's folder: {name}")
    if field:
        check_left(Path(getattr(job, field)))
    if isinstance(job, ARRAYS):
        check_arrays(Path(getattr(job, field)))


def check_left(path: Path) -> None:
    """Raise WorkerSilentError where what stands there is not all regular files: no link is followed."""
    inner = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
    for part in (path, sidecar(path), *inner):
        try:
            mode = part.lstat().st_mode
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(mode) and not (stat.S_ISDIR(mode) and part != sidecar(path)):
            raise WorkerSilentError(f"the worker left something that is no file: {part.name}")


def check_arrays(path: Path) -> None:
    """Raise WorkerSilentError where arrays take more memory than the file has bytes."""
    if not path.exists():
        return
    try:
        with zipfile.ZipFile(path) as archive:
            packed = [member.filename for member in archive.infolist() if member.compress_type]
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise WorkerSilentError(f"the worker left arrays that cannot be read: {error}") from None
    if packed:
        raise WorkerSilentError(f"the worker left packed arrays, which none writes: {packed[0]}")
