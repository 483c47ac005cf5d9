"""Artifacts on disk: a file, a folder, or an ONNX file with its weights in `<name>.data` beside it."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from convertkit.artifacts.digest import hash_path

DATA_SUFFIX = ".data"


def sidecar(path: Path) -> Path:
    """Where an ONNX file keeps weights that do not fit into it."""
    return path.with_name(path.name + DATA_SUFFIX)


def hash_artifact(path: Path) -> tuple[str, int]:
    """SHA-256 and bytes of an artifact, its sidecar included."""
    digest, size = hash_path(path)
    if not sidecar(path).exists():
        return digest, size
    more, bytes_more = hash_path(sidecar(path))
    return hashlib.sha256(f"{digest} {more}".encode()).hexdigest(), size + bytes_more


def copy_artifact(source: Path, target: Path) -> None:
    """Copy an artifact. An ONNX file names its sidecar, so one that has it keeps its own file name."""
    if source.is_dir():
        shutil.copytree(source, target)
        return
    shutil.copyfile(source, target)
    if sidecar(source).exists():
        shutil.copyfile(sidecar(source), sidecar(target))


def move_artifact(source: Path, target: Path) -> None:
    """Move an artifact, replacing what stands there."""
    remove_artifact(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)
    if sidecar(source).exists():
        shutil.move(sidecar(source), sidecar(target))


def remove_artifact(path: Path) -> None:
    """Remove an artifact, whole or half-made, if it is there."""
    for part in (path, sidecar(path)):
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)
