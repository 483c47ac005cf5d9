"""Samples from whatever was given: a file, a folder of images, two of them, or none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from convertkit.artifacts.axes import with_batch_axes
from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import UsageError
from convertkit.samples.apart import joined, refuse_same, split
from convertkit.samples.arrays import check_there, load_arrays
from convertkit.samples.asked import Asked
from convertkit.samples.fit import fit_samples, specs_from_arrays
from convertkit.samples.images import load_images
from convertkit.samples.pixels import with_pixels
from convertkit.samples.rows import Rows
from convertkit.samples.samples import Samples
from convertkit.samples.synthetic import synthesize
from convertkit.samples.tensor_files import SUFFIXES, load_tensors
from convertkit.sources import Kind, SourceFile
from convertkit.storage.store import Store

NOTHING = Asked()


def read_samples(
    path: Path | None,
    inputs: tuple[TensorSpec, ...],
    options: SampleOptions,
    limits: Mapping[str, int] | None = None,
    asked: Asked = NOTHING,
    store: Store | None = None,
) -> tuple[Samples, tuple[TensorSpec, ...]]:
    """Samples and inputs, each completed from the other where only one is known.

    Samples that the options give to calibrate with stand behind the others.

    Args:
        limits: of synthetic integers; see `synthesize`.
        store: keeps what workers have read of the files.

    Raises:
        SamplesError: the samples are unusable, or do not fit the inputs.
        UsageError: neither inputs nor samples are known, or there are only some to calibrate with.
    """
    if options.calibration_samples is None:
        return read_file(path, inputs, options, limits, asked, store)
    if path is None:
        raise UsageError("there are samples to calibrate with, and none to validate with", hint="--samples")
    other = Path(options.calibration_samples)
    refuse_same(path, other)
    samples, inputs = read_file(path, inputs, options, asked=asked, store=store)
    calibration, _ = read_file(other, inputs, options, asked=asked, store=store)
    return joined(samples, calibration), inputs


def read_file(
    path: Path | None,
    inputs: tuple[TensorSpec, ...],
    options: SampleOptions,
    limits: Mapping[str, int] | None = None,
    asked: Asked = NOTHING,
    store: Store | None = None,
) -> tuple[Samples, tuple[TensorSpec, ...]]:
    """The samples of one file or folder, or synthetic ones, and the inputs; see `read_samples`."""
    if path is None:
        if not inputs:
            raise UsageError(
                "the model file does not tell its inputs", hint="give --samples, or --input for each of them"
            )
        return fitted(with_constants(synthesize(inputs, options.seed, limits), inputs, asked), inputs)
    check_there(path)
    if path.is_dir():
        if not inputs:
            raise UsageError("a folder of images needs to know the input", hint="give --input")
        return load_images(path, inputs, options, store), inputs
    load = load_tensors if path.suffix.lower() in SUFFIXES else load_arrays
    loaded = with_constants(with_pixels(load(path, store), options), inputs, asked)
    if not inputs:
        inputs = specs_from_arrays(loaded.arrays, loaded.labels)
    return fitted(fit_samples(loaded, inputs, options.axis_order), inputs)


def with_constants(samples: Samples, inputs: tuple[TensorSpec, ...], asked: Asked) -> Samples:
    """The samples with the constants that were asked for, in place of what they hold for those inputs."""
    constants = asked.arrays(inputs)
    if not constants:
        return samples
    if samples.batch_axes:
        constants = {n: np.broadcast_to(v, (samples.count, *v.shape)) for n, v in constants.items()}
    notes = tuple(f"input '{name}' is bound: {asked.bound[name]} takes its place" for name in constants)
    arrays: dict[str, Rows] = {**samples.arrays, **constants}
    return msgspec.structs.replace(samples, arrays=arrays, notes=(*samples.notes, *notes))


def fitted(samples: Samples, inputs: tuple[TensorSpec, ...]) -> tuple[Samples, tuple[TensorSpec, ...]]:
    """The samples, and the inputs with the batch axes that these tell."""
    return samples, with_batch_axes(inputs, samples.batch_axes)


def read_early(
    file: SourceFile,
    asked: Asked,
    path: Path | None,
    options: SampleOptions,
    store: Store | None = None,
    *,
    needs_calibration: bool,
) -> tuple[Samples | None, tuple[TensorSpec, ...]]:
    """Samples and inputs as far as they are known before any worker has looked into the model.

    Raises:
        SamplesError: the samples are unusable, too few, or do not fit the inputs.
        UsageError: a PyTorch file tells no inputs, and nothing else does.
    """
    if not file.inputs and (file.format is not Format.TORCH or file.kind is Kind.HUGGINGFACE):
        return None, ()
    inputs = asked.specs(file.inputs)
    samples, inputs = read_samples(path, inputs, options, file.limits, asked, store)
    split(samples, options, needs_calibration=needs_calibration)
    return samples, inputs


def renamed(samples: Samples, before: tuple[TensorSpec, ...], signature: Signature) -> Samples:
    """The samples under the model's own names of inputs that were called otherwise before."""
    names = {old.name: new.name for old, new in zip(before, signature.inputs, strict=False)}
    if len(before) != len(signature.inputs) or set(names) == set(names.values()):
        return samples
    return msgspec.structs.replace(
        samples,
        arrays={names[name]: values for name, values in samples.arrays.items()},
        batch_axes={names[name]: axis for name, axis in samples.batch_axes.items()},
    )
