"""Samples: read, checked against the model's inputs, split once into calibration and validation."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.signature import Array, Arrays, TensorSpec
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import SamplesError
from convertkit.samples.rows import Indices, Rows, blocks, map_file

LABELS = "labels"
LARGEST_UNPACKED_BYTES = 16 << 30
SYNTHETIC_COUNT = 32
MOST_CALIBRATION = 128
DEFAULT_AXIS_SIZE = 32
UNNAMED = ""  # the array of an `.npy`
UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    MemoryError,  # a header that claims more than there is
    RuntimeError,  # an encrypted archive, or a compression that zipfile does not know
    zipfile.BadZipFile,
    zlib.error,
)

Origin = Literal["file", "images", "synthetic"]


class Samples(msgspec.Struct, frozen=True):
    """Arrays by input name, first axis = sample, in the source's axis order and units.

    Attributes:
        arrays: those of files stay on disk; `take` reads what is asked for.
        labels: one class a sample; -1 where it has none.
        apart: how many of them, the last, were given to calibrate with and do nothing else.
        calibration_sha256: of the file that those came from.
    """

    origin: Origin
    sha256: str
    arrays: Mapping[str, Rows]
    labels: Array | None = None
    apart: int = 0
    calibration_sha256: str | None = None

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(next(iter(self.arrays.values())))

    def take(self, rows: Sequence[int] | Indices) -> Arrays:
        """The arrays of some samples."""
        return {name: values[np.asarray(rows)] for name, values in self.arrays.items()}


class Split(msgspec.Struct, frozen=True):
    """Disjoint sample numbers; `calibration` is empty where nothing is calibrated."""

    calibration: tuple[int, ...]
    validation: tuple[int, ...]


def load_arrays(path: Path) -> Samples:
    """Arrays of an `.npz` or `.npy`, each finite and of the same count; not yet matched with a model.

    They stay on disk: a file may be larger than memory.

    Raises:
        SamplesError: the file is missing, is no array file, holds objects, or its values are unusable.
    """
    if not path.exists():
        raise SamplesError(
            f"{path}: no such file", hint="--samples takes an .npz, an .npy or a folder of images"
        )
    try:
        refuse_bombs(path)
        arrays = map_file(path)
    except UNREADABLE as error:
        if "Object arrays" in str(error):  # not "allow_pickle", which NumPy also says of text
            raise SamplesError(
                f"{path} holds Python objects, which are never unpickled", hint="save plain numeric arrays"
            ) from None
        raise SamplesError(f"{path} is not a readable .npz or .npy file") from None
    labels = arrays.pop(LABELS, None)
    labels = None if labels is None else np.array(labels)
    if not arrays:
        raise SamplesError(f"{path} holds no input array")
    for name, values in arrays.items():
        check_values(name or "samples", values)
    check_counts(arrays, labels)
    return Samples("file", hash_path(path)[0], arrays, labels)


def refuse_bombs(path: Path) -> None:
    """Raise SamplesError where an `.npz` would expand past the limit; nothing is expanded to find out."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        packed = [m for m in archive.infolist() if m.compress_type != zipfile.ZIP_STORED]
    size = sum(member.file_size for member in packed)
    if size > LARGEST_UNPACKED_BYTES:
        raise SamplesError(
            f"{path} expands to {size >> 20} MiB, over {LARGEST_UNPACKED_BYTES >> 20} MiB",
            hint="np.savez, which does not compress, has no such limit",
        )


def check_values(name: str, values: Rows) -> None:
    """Raise SamplesError for an array that has no samples or values no model can be judged by."""
    if 0 in (values.ndim, *values.shape):
        raise SamplesError(f"array '{name}' holds no samples (shape {list(values.shape)})")
    if values.dtype.kind not in "fiub":
        raise SamplesError(f"array '{name}' has type {values.dtype}; numbers are needed")
    if values.dtype.kind != "f":
        return
    for start, block in blocks(values):
        if not np.isfinite(block).all():
            bad = start + np.argwhere(~np.isfinite(block))[0][0]
            raise SamplesError(f"array '{name}' has NaN or Inf, first in sample {bad}")


def check_counts(arrays: Mapping[str, Rows], labels: Array | None) -> None:
    """Raise SamplesError where the arrays, or the labels, are not one entry a sample."""
    counts = {name: len(values) for name, values in arrays.items()}
    if labels is not None:
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise SamplesError(
                f"'labels' is {labels.dtype}{list(labels.shape)}; one integer a sample is needed"
            )
        if labels.min(initial=0) < 0:
            raise SamplesError(f"'labels' holds {labels.min()}; classes are counted from 0")
        counts[LABELS] = len(labels)
    if len(set(counts.values())) > 1:
        listing = ", ".join(f"{name or 'samples'}: {count}" for name, count in counts.items())
        raise SamplesError(f"the arrays have different numbers of samples ({listing})")


def specs_from_arrays(arrays: Mapping[str, Rows]) -> tuple[TensorSpec, ...]:
    """Inputs as the samples show them, the first axis a dynamic batch."""
    return tuple(
        TensorSpec(name or "input", values.dtype.name, ("batch", *values.shape[1:]))
        for name, values in arrays.items()
    )


def fit_samples(samples: Samples, inputs: tuple[TensorSpec, ...]) -> Samples:
    """The samples in the order of the model's inputs.

    Raises:
        SamplesError: an array is missing, extra, misnamed, wrongly shaped or wrongly typed.
    """
    arrays = samples.arrays
    if list(arrays) == [UNNAMED] and len(inputs) == 1:
        arrays = {inputs[0].name: arrays[UNNAMED]}
    names = [spec.name for spec in inputs]
    missing = [name for name in names if name not in arrays]
    extra = [name or "(unnamed)" for name in arrays if name not in names]
    if missing or extra:
        parts = [f"lack {', '.join(missing)}"] if missing else []
        parts += [f"have {', '.join(extra)}, which the model does not take"] if extra else []
        raise SamplesError(f"the samples {' and '.join(parts)}", hint=f"the inputs are {', '.join(names)}")
    for spec in inputs:
        check_fit(spec, arrays[spec.name])
    return msgspec.structs.replace(samples, arrays={name: arrays[name] for name in names})


def check_fit(spec: TensorSpec, values: Rows) -> None:
    """Raise SamplesError where an array is not one input's, with a batch axis or one entry a sample."""
    shape = spec.logical_shape
    if values.dtype.name != spec.logical_dtype:
        raise SamplesError(
            f"array '{spec.name}' is {values.dtype}, the model takes {spec.logical_dtype}",
            hint=f"save it with .astype('{spec.logical_dtype}')",
        )
    expected = shape if values.ndim == len(shape) + 1 else shape[1:]
    fits = len(values.shape[1:]) == len(expected) and all(
        isinstance(dim, str) or dim == size for dim, size in zip(expected, values.shape[1:], strict=True)
    )
    if not fits:
        wanted = ",".join(str(dim) for dim in shape)
        raise SamplesError(f"array '{spec.name}' has shape {list(values.shape)}, the model takes [{wanted}]")


def split_samples(count: int, options: SampleOptions, *, needs_calibration: bool) -> Split:
    """Seeded and disjoint: calibration half of the samples, at most 128; validation the rest.

    Raises:
        SamplesError: too few samples for two splits.
    """
    order = [int(i) for i in np.random.default_rng(options.seed).permutation(count)]
    if not needs_calibration:
        return Split((), tuple(sorted(order[: options.validation])))
    size = options.calibration or min(MOST_CALIBRATION, max(1, count // 2))
    if size >= count:
        raise SamplesError(
            f"{count} samples cannot be split into {size} for calibration and some for validation",
            hint="give more samples, or lower sampling.calibration in a recipe",
        )
    calibration, rest = order[:size], order[size : size + options.validation]
    return Split(tuple(sorted(calibration)), tuple(sorted(rest)))


def synthesize(inputs: tuple[TensorSpec, ...], seed: int) -> Samples:
    """Seeded synthetic samples: normal floats, integers and booleans of 0 and 1. For float gates only."""
    random = np.random.default_rng(seed)
    arrays: Arrays = {}
    for spec in inputs:
        shape = spec.logical_shape
        is_batch = bool(shape) and isinstance(shape[0], str)
        rest = [
            dim if isinstance(dim, int) else DEFAULT_AXIS_SIZE for dim in (shape[1:] if is_batch else shape)
        ]
        size = (SYNTHETIC_COUNT, *rest)
        if np.dtype(spec.logical_dtype).kind == "f":
            arrays[spec.name] = random.standard_normal(size).astype(spec.logical_dtype)
        else:
            arrays[spec.name] = random.integers(0, 2, size).astype(spec.dtype)
    digest = hashlib.sha256(b"".join(values.tobytes() for values in arrays.values())).hexdigest()
    return Samples("synthetic", digest, arrays)


def leading_axes(spec: TensorSpec, values: Rows) -> int:
    """1 where the samples' axis stands before the input's own axes; 0 where it is the input's batch axis."""
    return values.ndim - len(spec.shape)


def is_batch_axis(spec: TensorSpec, values: Rows, axis: int) -> bool:
    """True where an axis of an input is the one along which samples are stacked."""
    return axis == 0 and leading_axes(spec, values) == 0


def resized(inputs: tuple[TensorSpec, ...], arrays: Arrays, axis_name: str, size: int) -> Arrays:
    """The arrays with another size of one dynamic axis: cut, or repeated from the start."""
    result: Arrays = {}
    for spec in inputs:
        values = arrays[spec.name]
        for axis, name in spec.dynamic_axes.items():
            if name == axis_name:
                place = axis + leading_axes(spec, values)
                values = np.take(values, np.arange(size) % values.shape[place], axis=place)
        result[spec.name] = np.ascontiguousarray(values)
    return result


def other_sizes(exported: int, *, is_batch: bool, lowest: int = 1, highest: int | None = None) -> list[int]:
    """Sizes of a dynamic axis to try besides the exported one, best first."""
    if is_batch:
        candidates = [1, 3, 5, 4, 7]
    elif exported % 2 == 0 and exported >= 4:
        candidates = [exported * 2, exported // 2, exported * 3, exported + 2]
    else:
        candidates = [exported + 2, exported + 1, max(1, exported - 1), exported * 2]
    limit = highest if highest is not None else max(candidates)
    sizes = dict.fromkeys(candidates)  # each once: an axis is kept when two different sizes agree
    return [size for size in sizes if size != exported and lowest <= size <= limit]
