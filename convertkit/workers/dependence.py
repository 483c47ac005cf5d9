"""What the answer to a job depends on: the key under which the store keeps it. Starts nothing."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.digest import hash_path
from convertkit.environment.devices import cpu_name, gpu_names
from convertkit.environment.interpreters import interpreter
from convertkit.environment.nvml import driver_version
from convertkit.environment.own_code import code_hash
from convertkit.environment.versions import package_versions
from convertkit.registry import EXTRAS, RUNTIMES, STAGES, environment_row, runtime_row
from convertkit.workers.jobs import (
    ConvertJob,
    DescribeJob,
    InferJob,
    Job,
    ObserveJob,
    OriginJob,
    SensitivityJob,
    StartJob,
    TokenizeJob,
    TraceJob,
    UnpackJob,
)
from convertkit.workers.sample_files import DecodeJob, InflateJob, LookJob

VARIABLES = (
    "CUDA", "GOTO", "HF_", "KMP_", "LD_", "LITERT", "MALLOC_", "MKL", "NVIDIA", "OMP_", "ONNX", "OPENBLAS",
    "ORT_", "PYTORCH", "TF_", "TFLITE", "TORCH", "TRANSFORMERS_", "XLA", "XNN",
)  # fmt: skip
"""Beginnings of the names of variables that change what frameworks compute, or how fast."""
ALWAYS = ("numpy", "msgspec")
READER = "worker/images.py"
FileJob = LookJob | DecodeJob | InflateJob


class Files(msgspec.Struct, frozen=True):
    """Fields of a job that are paths.

    Attributes:
        read: their content counts, and not where they lie.
        written: what the worker writes; empty: nothing.
        code: files of convertkit that do the work, of the job.
    """

    read: tuple[str, ...]
    written: str
    code: Callable[[Any], tuple[str, ...]]


FILES: dict[type[Job], Files] = {
    DecodeJob: Files((), "out", lambda job: (READER,)),
    DescribeJob: Files(("examples",), "", lambda job: (f"runtimes/{runtime_row(job.format).name}.py",)),
    InferJob: Files(("inputs",), "outputs", lambda job: (f"runtimes/{job.runtime}.py",)),
    InflateJob: Files((), "out", lambda job: ("worker/archives.py",)),
    LookJob: Files((), "", lambda job: (READER,)),
    ObserveJob: Files(("inputs",), "ranges", lambda job: ("pytorch/ranges.py", "runtimes/torch.py")),
    OriginJob: Files(("inputs",), "", lambda job: ("pytorch/nonfinite.py", "runtimes/torch.py")),
    SensitivityJob: Files(
        (), "", lambda job: ("stages/tflite_sensitivity.py", f"stages/{job.convert.stage}.py")
    ),
    StartJob: Files(
        ("inputs",), "", lambda job: (f"runtimes/{job.runtime}.py", "worker/perform.py", "worker/memory.py")
    ),
    TokenizeJob: Files(("folder", "texts"), "out", lambda job: ("pytorch/tokens.py",)),
    TraceJob: Files(
        ("inputs",), "values", lambda job: (f"tracing/{job.runtime}.py", f"runtimes/{job.runtime}.py")
    ),
    UnpackJob: Files(("path",), "out", lambda job: ("pytorch/tensor_file.py",)),
}
"""Jobs whose answer is the same whenever they are the same, and what of them names files."""


def written_by(job: Job) -> Path | None:
    """The file that a job has a worker write; None where there is none."""
    field = FILES[type(job)].written
    return Path(getattr(job, field)) if field else None


def dependence_of(environment: str, job: Job) -> dict[str, Any] | None:
    """Everything that the answer depends on, as plain values.

    Returns:
        None where it is not known: for jobs of other kinds, for models that code of the user's builds, and
        for those whose content nobody has hashed.
    """
    files = FILES.get(type(job))
    if files is None or not is_known(job):
        return None
    asked = msgspec.to_builtins(job)
    for field in files.read:
        asked[field] = content(asked[field])
    if files.written:
        del asked[files.written]
    if isinstance(job, LookJob | DecodeJob):  # the worker makes sure that their hashes are right
        del asked["files"], asked["names"]
    if isinstance(job, InflateJob):
        del asked["path"]
    if isinstance(job, DescribeJob):
        asked["path"] = Path(job.path).suffix
        asked["other_sizes"] = {
            name: [content(file) for file in sizes] for name, sizes in job.other_sizes.items()
        }
    if isinstance(job, SensitivityJob):
        asked["convert"] = conversion_parts(job.convert)
    if isinstance(job, StartJob):  # how long it takes, another machine does not know
        asked["host"] = machine()
    if "artifact" in asked:
        asked["artifact"] = artifact_parts(asked["artifact"])
    code = [code_hash(file) for file in files.code(job)]
    return {"stage": asked["type"], "target": target_of(job), "job": asked, "code": code} | surroundings(
        environment
    )


def target_of(job: Job) -> str:
    """What the job is about, in a word: a variant, or a format."""
    if isinstance(job, DescribeJob):
        return str(job.format)
    return str(job.artifact.variant) if hasattr(job, "artifact") else ""


def conversion_parts(job: ConvertJob) -> dict[str, Any]:
    """A conversion as a key has it: by the content of what it reads, and not by where it writes."""
    asked = msgspec.to_builtins(job)
    places = ("out", "scratch", "shared")
    return {name: value for name, value in asked.items() if name not in places} | {
        "source": artifact_parts(asked["source"]),
        "examples": content(job.examples),
        "calibration": content(job.calibration),
    }


def artifact_parts(artifact: dict[str, Any]) -> dict[str, Any]:
    """An artifact as a key has it: by its content, wherever it lies."""
    return {name: value for name, value in artifact.items() if name not in ("path", "size_bytes")}


def is_known(job: Job) -> bool:
    """True where the content of the job's model is known, and is all that it is made of."""
    if isinstance(job, TokenizeJob | UnpackJob | FileJob):
        return True
    if isinstance(job, SensitivityJob):
        return bool(job.convert.source.sha256) and not runs_own_code(job.convert.source.loader)
    model: DescribeJob | Artifact = job if isinstance(job, DescribeJob) else job.artifact  # type: ignore[union-attr]
    return bool(model.sha256) and not runs_own_code(model.loader)


def runs_own_code(loader: Loader | None) -> bool:
    """True for a model that code of the user's builds, which nothing is known of."""
    return loader is not None and bool(
        loader.factory or loader.kind == "module" or loader.is_code_allowed or loader.search_path
    )


def content(path: str | None) -> str | None:
    """SHA-256 of a file or folder; None for none."""
    if path is None:
        return None
    file = Path(path)
    if file.is_dir():
        return hash_path(file)[0]
    status = file.stat()
    return file_content(path, status.st_ino, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def file_content(path: str, inode: int, size: int, mtime_ns: int) -> str:
    """SHA-256 of a file, once for as long as nobody writes to it."""
    return hash_path(Path(path))[0]


@functools.cache
def surroundings(environment: str) -> dict[str, Any]:
    """What an environment's worker would run in: versions, machine, variables of its frameworks."""
    python = interpreter(environment_row(environment))
    packages = {
        name for row in (*RUNTIMES, *STAGES) if row.environment == environment for name in row.packages
    }
    packages |= {row.package for row in EXTRAS if row.environment == environment}
    packages |= {*environment_row(environment).packages}
    is_own = python is None or python == Path(sys.executable)
    return {
        "environment": environment,
        "interpreter": None if is_own else [str(python), installed_beside(python)],
        "versions": package_versions(sorted({*packages, *ALWAYS})),
        "cpu": [cpu_name(), cpu_flags()],
        "variables": {
            name: value for name, value in sorted(os.environ.items()) if name.startswith(VARIABLES)
        },
    }


@functools.cache
def machine() -> list[Any]:
    """What decides how long a call takes besides the software: this machine, its GPUs and driver."""
    return [platform.node(), platform.release(), os.cpu_count(), gpu_names(), driver_version()]


def installed_beside(python: Path | None) -> list[str]:
    """Packages and versions of an interpreter of its own, by the names of their folders."""
    found = python.absolute().parents[1].glob("lib/python*/site-packages/*.dist-info") if python else ()
    return sorted(path.name for path in found)


def cpu_flags() -> str:
    """A hash over what the processor says that it can do; kernels are chosen by it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.exists() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return hashlib.sha256(flags.encode()).hexdigest()
