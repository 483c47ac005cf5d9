"""Arrays that stay on disk: only the rows that are asked for are read; a file may be larger than memory."""

from __future__ import annotations

import os
import tokenize
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

from convertkit.artifacts.signature import Array

BLOCK_BYTES = 64 << 20
LOCAL_HEADER_BYTES = 30  # of a zip member, before its name and extra field
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}

Indices = npt.NDArray[np.intp]


class Rows(Protocol):
    """What an array of samples has to offer; `np.ndarray` and `np.memmap` do."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes, the first of them the number of rows."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Indices, /) -> Array: ...


class JoinedRows:
    """The rows of one array, and behind them those of another of the same row shape and type."""

    def __init__(self, first: Rows, second: Rows) -> None:
        self._first = first
        self._second = second
        self.shape = (len(first) + len(second), *first.shape[1:])
        self.dtype = first.dtype
        self.ndim = first.ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Indices, /) -> Array:
        numbers = np.asarray(rows)
        result: Array = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        is_first = numbers < len(self._first)
        result[is_first] = self._first[numbers[is_first]]
        result[~is_first] = self._second[numbers[~is_first] - len(self._first)]
        return result


def blocks(values: Rows) -> Iterator[tuple[int, Array]]:
    """All rows in order, as many at a time as BLOCK_BYTES hold, each time with the number of the first."""
    row_bytes = max(1, int(np.prod(values.shape[1:])) * values.dtype.itemsize)
    step = max(1, BLOCK_BYTES // row_bytes)
    for start in range(0, len(values), step):
        yield start, values[np.arange(start, min(start + step, len(values)))]


def map_file(path: Path) -> dict[str, Array]:
    """The arrays of an `.npz`, or the one of an `.npy` under an empty name, each mapped from disk.

    Raises:
        ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile: it is damaged, is compressed, or
            holds something else than arrays of numbers.
    """
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            return {"": mapped(file, 0, path.stat().st_size)}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        members = archive.infolist()
        return {m.filename.removesuffix(".npy"): map_member(archive, m, file) for m in members}


def map_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: IO[bytes]) -> Array:
    """One array of an `.npz`, its checksum verified."""
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"'{member.filename}' is compressed")
    with archive.open(member) as content:
        while content.read(1 << 20):
            pass  # reading to the end is what verifies the checksum
    file.seek(member.header_offset)
    header = file.read(LOCAL_HEADER_BYTES)
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    return mapped(file, member.header_offset + LOCAL_HEADER_BYTES + lengths, member.file_size)


def mapped(file: IO[bytes], start: int, size: int) -> Array:
    """The array whose `.npy` bytes are `size` many from `start` on."""
    file.seek(start)
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"an array header of version {version}")
    try:
        shape, is_fortran, dtype = HEADERS[version](file)
    except (tokenize.TokenError, SyntaxError, RecursionError, MemoryError):  # of Python's own parsers
        raise ValueError("an array header that is no dictionary") from None
    if dtype.hasobject:
        raise ValueError("Object arrays are never unpickled")
    offset = file.tell()
    count = 1
    for extent in shape:
        count *= extent  # in Python's integers, which do not overflow
    if min(shape, default=0) < 0 or offset + count * dtype.itemsize > min(start + size, file_size(file)):
        raise ValueError("an array header that claims more than there is")
    if count * dtype.itemsize == 0:
        return np.empty(shape, dtype)
    return np.memmap(file, dtype, "r", offset, shape, "F" if is_fortran else "C")


def file_size(file: IO[bytes]) -> int:
    """Bytes of an open file."""
    return os.fstat(file.fileno()).st_size
