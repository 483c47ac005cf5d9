"""Arrays of `.npz` and `.npy` files as samples: opened, bounded, and each value looked at."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.signature import Array
from convertkit.errors import SamplesError
from convertkit.samples.readers import inflated
from convertkit.samples.rows import Rows, blocks, map_file
from convertkit.samples.samples import Samples
from convertkit.samples.text import refuse_text
from convertkit.storage.store import Store

LABELS = "labels"
MOST_SHOWN = 40
TAKEN = "--samples takes an .npz, an .npy, a .pt of tensors, or a folder of images"
LARGEST_UNPACKED_BYTES = 16 << 30
UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    MemoryError,  # a header that claims more than there is
    RuntimeError,  # an encrypted archive, or a compression that zipfile does not know
    zipfile.BadZipFile,
    zlib.error,
)


def load_arrays(path: Path, store: Store | None = None) -> Samples:
    """Arrays of an `.npz` or `.npy`, each finite; not yet matched with a model.

    They stay on disk: a file may be larger than memory. What is compressed is unpacked by a worker.

    Args:
        store: keeps what was unpacked.

    Raises:
        SamplesError: the file is missing, is no array file, holds objects, or its values are unusable.
    """
    check_there(path)
    refuse_text(path)
    try:
        sha256 = hash_path(path)[0]
        arrays = inflated(path, sha256, store) if is_packed(path) else map_file(path)
    except UNREADABLE as error:
        if "Object arrays" in str(error):  # not "allow_pickle", which NumPy also says of text
            raise SamplesError(
                f"{path} holds Python objects, which are never unpickled", hint="save plain numeric arrays"
            ) from None
        raise SamplesError(f"{path} is not a readable .npz or .npy file") from None
    return checked_arrays(path, arrays, sha256)


def checked_arrays(path: Path, arrays: dict[str, Array], sha256: str, notes: tuple[str, ...] = ()) -> Samples:
    """Arrays of a file as samples, once every value was looked at.

    Raises:
        SamplesError: there are none, or a value is unusable.
    """
    labels = arrays.pop(LABELS, None)
    labels = None if labels is None else np.array(labels)
    if not arrays:
        raise SamplesError(f"{path} holds no input array")
    for name, values in arrays.items():
        check_values(name or "samples", values)
    if not any(values.ndim for values in arrays.values()):
        raise SamplesError(f"array '{next(iter(arrays))}' holds no samples (shape [])")
    if labels is not None:
        check_labels(labels)
        if not any(len(labels) in values.shape for values in arrays.values()):
            raise SamplesError(told_counts(arrays, labels))
    return Samples("file", sha256, arrays, labels, notes=notes)


def check_there(path: Path) -> None:
    """Raise SamplesError where there is no such file or folder, or the path is none."""
    try:
        is_there = path.exists()
    except (OSError, ValueError):  # far too long, or with a zero byte: an array's text rather than a path
        text = str(path)[:MOST_SHOWN].replace("\n", " ")
        raise SamplesError(
            f"the samples are no path: '{text}…'", hint="in Python, give the array itself, not its text"
        ) from None
    if not is_there:
        raise SamplesError(f"{path}: no such file", hint=TAKEN)
    if not path.is_file() and not path.is_dir():
        raise SamplesError(f"{path} is neither a file nor a folder", hint="a pipe or a device is no .npz")


def is_packed(path: Path) -> bool:
    """True for an `.npz` of which something is compressed.

    Raises:
        SamplesError: it would expand past the limit; nothing is expanded to find out.
    """
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        packed = [m for m in archive.infolist() if m.compress_type != zipfile.ZIP_STORED]
    size = sum(member.file_size for member in packed)
    if size > LARGEST_UNPACKED_BYTES:
        raise SamplesError(
            f"{path} expands to {size >> 20} MiB, over {LARGEST_UNPACKED_BYTES >> 20} MiB",
            hint="np.savez, which does not compress, has no such limit",
        )
    return bool(packed)


def check_values(name: str, values: Rows) -> None:
    """Raise SamplesError for an array that has no samples or values no model can be judged by."""
    if 0 in values.shape:
        raise SamplesError(f"array '{name}' holds no samples (shape {list(values.shape)})")
    if values.dtype.kind not in "fiub":
        raise SamplesError(f"array '{name}' has type {values.dtype}; numbers are needed")
    if values.dtype.kind != "f":
        return
    if not values.ndim:
        if not np.isfinite(np.asarray(values)):
            raise SamplesError(f"array '{name}' is NaN or Inf")
        return
    for start, block in blocks(values):
        if not np.isfinite(block).all():
            bad = start + np.argwhere(~np.isfinite(block))[0][0]
            raise SamplesError(f"array '{name}' has NaN or Inf, first in sample {bad}")


def check_labels(labels: Array) -> None:
    """Raise SamplesError where the labels are not one class a sample."""
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise SamplesError(f"'labels' is {labels.dtype}{list(labels.shape)}; one integer a sample is needed")
    if labels.min(initial=0) < 0:
        raise SamplesError(f"'labels' holds {labels.min()}; classes are counted from 0")


def told_counts(arrays: Mapping[str, Rows], labels: Array | None) -> str:
    """What to say where the arrays, or the labels, are not one entry a sample."""
    counts = {name or "samples": v.shape[0] if v.ndim else "no axis" for name, v in arrays.items()}
    if labels is not None:
        counts["labels"] = len(labels)
    listing = ", ".join(f"{name}: {count}" for name, count in counts.items())
    return f"the arrays have different numbers of samples ({listing})"
