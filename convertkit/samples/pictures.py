"""The pixels of image files, read by a worker, never by this process; each file once."""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import WorkerSilentError
from convertkit.samples.readers import have_read, readers
from convertkit.samples.rows import Indices, map_file
from convertkit.storage.store import Store
from convertkit.storage.temporary import temporary_folder
from convertkit.workers.jobs import Job
from convertkit.workers.pool import Workers
from convertkit.workers.sample_files import PIXELS, DecodeJob, LookJob

MOST_FILES = 256  # of a job
MOST_BYTES = 64 << 20  # that a job gives


class Counted(msgspec.Struct, frozen=True):
    """Files that are samples, each with the SHA-256 that it had when it was counted as one."""

    files: tuple[Path, ...]
    sha256: tuple[str, ...]

    def some(self, numbers: Sequence[int]) -> Counted:
        """Those of these numbers."""
        return Counted(tuple(self.files[n] for n in numbers), tuple(self.sha256[n] for n in numbers))

    @property
    def words(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Paths, names and hashes, as a job has them."""
        return tuple(str(file.resolve()) for file in self.files), tuple(map(str, self.files)), self.sha256


class Pictures:
    """Images at one size, uint8 [height, width, channels], decoded when they are first asked for.

    What was decoded is kept in a nameless file, and in the store where there is one. The worker that decodes
    has neither network nor other files to write to, and limits of its own; it ends with this object.

    Attributes:
        shape: height, width, channels.
    """

    def __init__(
        self, counted: Counted, shape: tuple[int, int, int], options: SampleOptions, store: Store | None
    ) -> None:
        """Nothing is read yet."""
        self._counted = counted
        self.shape = shape
        self._options = options
        self._store = store
        self._row_bytes = int(np.prod(shape))
        self._kept = tempfile.TemporaryFile()  # noqa: SIM115 - it goes with this object
        self._is_kept = np.zeros(len(counted.files), bool)
        self._open = contextlib.ExitStack()
        self._scratch: Path | None = None
        self._workers: Workers | None = None
        weakref.finalize(self, self._open.close)

    def check(self) -> None:
        """Have the headers of all files read.

        Raises:
            SamplesError: one is no image, or a far too large one.
        """
        try:
            for part in parts(range(len(self._counted.files)), MOST_FILES):
                self._ask(LookJob(*self._counted.some(part).words))
        except BaseException:
            self._open.close()  # nobody comes to hold what has failed
            raise

    def rows(self, numbers: Indices) -> Array:
        """Some images, uint8 [image, height, width, channels].

        Raises:
            SamplesError: one cannot be decoded.
        """
        missing = [number for number in dict.fromkeys(numbers.tolist()) if not self._is_kept[number]]
        for part in parts(missing, min(MOST_FILES, max(1, MOST_BYTES // self._row_bytes))):
            self._decode(part)
        result = np.empty((len(numbers), *self.shape), np.uint8)
        for place, number in enumerate(numbers):
            content = os.pread(self._kept.fileno(), self._row_bytes, int(number) * self._row_bytes)
            result[place] = np.frombuffer(content, np.uint8).reshape(self.shape)
        return result

    def _decode(self, numbers: Sequence[int]) -> None:
        """Have some images decoded, and keep them."""
        out = self._folder() / "pixels.npz"
        options, (height, width, _) = self._options, self.shape
        self._ask(
            DecodeJob(
                *self._counted.some(numbers).words,
                str(out),
                height,
                width,
                options.color,
                options.crop,
                options.resize,
                options.interpolation,
            )
        )
        pixels = map_file(out).get(PIXELS)
        if pixels is None or pixels.shape != (len(numbers), *self.shape) or pixels.dtype != np.uint8:
            raise WorkerSilentError("the worker left other pixels than it was asked for")
        for number, row in zip(numbers, pixels, strict=True):
            os.pwrite(self._kept.fileno(), row.tobytes(), number * self._row_bytes)
            self._is_kept[number] = True
        out.unlink()

    def _folder(self) -> Path:
        """The worker's folder, made when it is first needed."""
        if self._scratch is None:
            self._scratch = self._open.enter_context(temporary_folder())
        return self._scratch

    def _ask(self, job: Job) -> None:
        """Have a job done by the worker, unless the store knows its answer."""
        if self._workers is None:
            self._workers = self._open.enter_context(readers(self._folder(), self._store))
        have_read(self._workers, job)


def parts(numbers: Sequence[int], most: int) -> Iterator[list[int]]:
    """The numbers in order, so many at a time at most."""
    left = iter(numbers)
    while part := list(islice(left, most)):
        yield part
