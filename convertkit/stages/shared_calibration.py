"""What several INT8 artifacts of one model and one set of samples have in common, kept between jobs of a run.

The float `.tflite`, and the ranges of its activations. Runs in a worker.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from convertkit.stages.tflite_ranges import Ranges

ENDS = ("min", "max")


class Shared:
    """A folder that jobs with the same source and the same calibration samples have in common.

    A job that dies leaves nothing half written under a name that is read.
    """

    def __init__(self, folder: Path | None) -> None:
        """Prepare.

        Args:
            folder: None keeps nothing.
        """
        self._folder = folder

    def float_file(self, make: Callable[[], bytes]) -> bytes:
        """The float `.tflite`, made where no job has made it."""
        path = self._path("float.tflite")
        if path is not None and path.is_file():
            return path.read_bytes()
        content = make()
        if path is not None:
            part = path.with_suffix(".part")
            part.write_bytes(content)
            part.replace(path)
        return content

    def ranges(self, content: bytes, make: Callable[[], Ranges]) -> Ranges:
        """The ranges of a file's activations, read where no job has read them."""
        path = self._path(f"{hashlib.sha256(content).hexdigest()}.npz")
        if path is not None and path.is_file():
            return read_ranges(path)
        found = make()
        if path is not None:
            write_ranges(path, found)
        return found

    def _path(self, name: str) -> Path | None:
        """Where a file is kept; None where nothing is."""
        if self._folder is None:
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / name


def write_ranges(path: Path, ranges: Ranges) -> None:
    """Write ranges, whole or not at all."""
    names = list(ranges)
    ends: dict[str, Any] = {f"{e}{at}": ranges[name][e] for at, name in enumerate(names) for e in ENDS}
    part = path.with_suffix(".part.npz")
    np.savez(part, names=np.array(names), **ends)
    part.replace(path)


def read_ranges(path: Path) -> Ranges:
    """What `write_ranges` wrote."""
    with np.load(path, allow_pickle=False) as file:
        names = [str(name) for name in file["names"]]
        return {name: {end: file[f"{end}{at}"] for end in ENDS} for at, name in enumerate(names)}
