"""What comes in: the model file, checked, and the samples, fitted to it and split."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.signature import Arrays, Dim, Signature, TensorSpec
from convertkit.artifacts.tensors import write_npz
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import UsageError
from convertkit.registry import runtime_row
from convertkit.samples.apart import joined, refuse_same, split
from convertkit.samples.images import load_images
from convertkit.samples.samples import (
    Samples,
    Split,
    fit_samples,
    is_batch_axis,
    leading_axes,
    load_arrays,
    other_sizes,
    resized,
    specs_from_arrays,
    synthesize,
)
from convertkit.sources import Kind, SourceFile
from convertkit.workers.jobs import Described, DescribeJob
from convertkit.workers.pool import Workers

INPUT_PATTERN = re.compile(r"(?P<name>[^:\s]+):(?P<dtype>[a-z]+\d*)\[(?P<dims>[^\]]*)\]")
DTYPES = frozenset(["float32", "float16", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"])
NEEDS_FACTORY = (Kind.STATE_DICT, Kind.SAFETENSORS)
RUNS_CODE = (*NEEDS_FACTORY, Kind.MODULE)  # of the user's own, named by --factory or allowed by --allow-code
EXAMPLE_COUNT = 2


class Intake(msgspec.Struct, frozen=True):
    """The source model and what it is judged by.

    Attributes:
        axis_sizes: sizes to check each dynamic axis at, besides the one it was exported with.
    """

    file: SourceFile
    artifact: Artifact
    samples: Samples
    split: Split
    axis_sizes: dict[str, list[int]]


def parse_input(text: str) -> TensorSpec:
    """The input that `NAME:DTYPE[d0,d1,…]` describes; a word in place of a number is a dynamic axis.

    Raises:
        UsageError: it is not of that form.
    """
    match = INPUT_PATTERN.fullmatch(text.strip())
    if match is None or match["dtype"] not in DTYPES:
        raise UsageError(
            f"--input '{text}' is not NAME:DTYPE[d0,d1,…]", hint="for example input:float32[batch,3,224,224]"
        )
    dims: list[Dim] = []
    for word in filter(None, (part.strip() for part in match["dims"].split(","))):
        if not word.isidentifier() and not (word.isdigit() and int(word) > 0):
            raise UsageError(f"--input '{text}': '{word}' is neither a size nor a name")
        dims.append(int(word) if word.isdigit() else word)
    return TensorSpec(match["name"], match["dtype"], tuple(dims))


def source_loader(file: SourceFile, factory: str | None) -> Loader | None:
    """How a PyTorch file is opened; None for other formats.

    Only a model that is made of the user's own code sees the current folder: PyTorch imports optional
    packages when it needs them, and a file of such a name in a cloned repository would run in their place.

    Raises:
        UsageError: a state dict without `--factory`.
    """
    if file.format is not Format.TORCH:
        return None
    if file.kind in NEEDS_FACTORY and not factory:
        raise UsageError(
            f"{file.path} is a state dict: weights without a model",
            hint="name what builds the nn.Module: --factory MODULE:CALLABLE",
        )
    if file.kind not in RUNS_CODE:
        return Loader(str(file.kind))
    return Loader(str(file.kind), factory if file.kind in NEEDS_FACTORY else None, str(Path.cwd()))


def read_samples(
    path: Path | None, inputs: tuple[TensorSpec, ...], options: SampleOptions
) -> tuple[Samples, tuple[TensorSpec, ...]]:
    """Samples and inputs, each completed from the other where only one is known.

    Samples that the options give to calibrate with stand behind the others.

    Raises:
        SamplesError: the samples are unusable, or do not fit the inputs.
        UsageError: neither inputs nor samples are known, or there are only some to calibrate with.
    """
    if options.calibration_samples is None:
        return read_file(path, inputs, options)
    if path is None:
        raise UsageError("there are samples to calibrate with, and none to validate with", hint="--samples")
    other = Path(options.calibration_samples)
    refuse_same(path, other)
    samples, inputs = read_file(path, inputs, options)
    calibration, _ = read_file(other, inputs, options)
    return joined(samples, calibration), inputs


def read_file(
    path: Path | None, inputs: tuple[TensorSpec, ...], options: SampleOptions
) -> tuple[Samples, tuple[TensorSpec, ...]]:
    """The samples of one file or folder, or synthetic ones, and the inputs; see `read_samples`."""
    if path is None:
        if not inputs:
            raise UsageError(
                "the model file does not tell its inputs", hint="give --samples, or --input for each of them"
            )
        return synthesize(inputs, options.seed), inputs
    if path.is_dir():
        if not inputs:
            raise UsageError("a folder of images needs to know the input", hint="give --input")
        return load_images(path, inputs, options), inputs
    loaded = load_arrays(path)
    if not inputs:
        inputs = specs_from_arrays(loaded.arrays)
    return fit_samples(loaded, inputs), inputs


def read_early(
    file: SourceFile,
    given: tuple[str, ...],
    path: Path | None,
    options: SampleOptions,
    *,
    needs_calibration: bool,
) -> tuple[Samples | None, tuple[TensorSpec, ...]]:
    """Samples and inputs as far as they are known before any worker has looked into the model.

    Raises:
        SamplesError: the samples are unusable, too few, or do not fit the inputs.
        UsageError: a PyTorch file tells no inputs, and nothing else does.
    """
    inputs = tuple(parse_input(text) for text in given) or file.inputs
    if not inputs and file.format is not Format.TORCH:
        return None, ()
    samples, inputs = read_samples(path, inputs, options)
    split(samples, options, needs_calibration=needs_calibration)
    return samples, inputs


def take_in(
    file: SourceFile,
    loader: Loader | None,
    early: tuple[Samples | None, tuple[TensorSpec, ...]],
    samples_path: Path | None,
    options: SampleOptions,
    *,
    needs_calibration: bool,
    workers: Workers,
    scratch: Path,
) -> Intake:
    """The model's whole signature, read in a worker, and the samples fitted to it.

    Args:
        early: what `read_early` found.

    Raises:
        ConvertkitError: the model or the samples cannot be used; see `errors`.
    """
    samples, inputs = early
    job = DescribeJob(file.format, str(Path(file.path).resolve()), loader, inputs)
    if samples is not None and loader is not None:
        job = with_examples(job, samples, axis_sizes(inputs, samples, file.ranges), scratch)
    answer = workers.ask(runtime_row(file.format).environment, job, "source.log")
    assert isinstance(answer, Described)
    signature = answer.signature
    if samples is None or loader is None:
        samples, _ = read_samples(samples_path, signature.inputs, options)
    else:
        samples = fit_samples(renamed(samples, inputs, signature), signature.inputs)
    sha256, size = with_external_data(file, answer.external_data)
    artifact = Artifact(Variant(file.format), job.path, signature, sha256, size, loader)
    return Intake(
        file,
        artifact,
        samples,
        split(samples, options, needs_calibration=needs_calibration),
        axis_sizes(signature.inputs, samples, file.ranges),
    )


def with_external_data(file: SourceFile, names: tuple[str, ...]) -> tuple[str, int]:
    """SHA-256 and bytes of a model file together with the weights that it keeps in files beside it."""
    sha256, size = file.sha256, file.size_bytes
    for name in names:
        digest, more = hash_path(Path(file.path).parent / name)
        sha256 = hashlib.sha256(f"{sha256} {name} {digest}".encode()).hexdigest()
        size += more
    return sha256, size


def renamed(samples: Samples, before: tuple[TensorSpec, ...], signature: Signature) -> Samples:
    """The samples under the model's own name for its only input, where the samples had none."""
    if len(before) == 1 and len(signature.inputs) == 1:
        values = next(iter(samples.arrays.values()))
        return msgspec.structs.replace(samples, arrays={signature.inputs[0].name: values})
    return samples


def example_rows(samples: Samples, inputs: tuple[TensorSpec, ...]) -> list[int]:
    """Sample numbers for one call: two where the batch is free, else as many as a call takes."""
    shape = inputs[0].logical_shape
    first = shape[0] if shape and isinstance(shape[0], int) else EXAMPLE_COUNT
    if samples.arrays[inputs[0].name].ndim == len(shape) + 1:
        first = 1
    return [row % samples.count for row in range(first)]


def example_arrays(samples: Samples, inputs: tuple[TensorSpec, ...]) -> Arrays:
    """One call's worth of every input, logical."""
    rows = example_rows(samples, inputs)
    arrays = samples.take(rows)
    for spec in inputs:
        if leading_axes(spec, arrays[spec.name]):
            arrays[spec.name] = arrays[spec.name][0]
    return arrays


def axis_sizes(
    inputs: tuple[TensorSpec, ...], samples: Samples, ranges: dict[str, tuple[int, int | None]]
) -> dict[str, list[int]]:
    """Other sizes to try for every dynamic axis of the inputs, by the axis's name."""
    sizes: dict[str, list[int]] = {}
    for spec in inputs:
        values = samples.arrays[spec.name]
        for axis, name in spec.dynamic_axes.items():
            lowest, highest = ranges.get(name, (1, None))
            is_batch = is_batch_axis(spec, values, axis)
            exported = EXAMPLE_COUNT if is_batch else values.shape[axis + leading_axes(spec, values)]
            sizes[name] = other_sizes(exported, is_batch=is_batch, lowest=lowest, highest=highest)
    return sizes


def with_examples(
    job: DescribeJob, samples: Samples, sizes: dict[str, list[int]], scratch: Path
) -> DescribeJob:
    """The job with files of examples, at the exported size and at one other size of each dynamic axis."""
    examples = example_arrays(samples, job.inputs)
    write_npz(scratch / "describe.npz", examples)
    other = {}
    for index, (name, candidates) in enumerate(sizes.items()):
        if not candidates:
            continue
        file = scratch / f"describe-{index}.npz"
        write_npz(file, resized(job.inputs, examples, name, candidates[0]))
        other[name] = str(file)
    return msgspec.structs.replace(job, examples=str(scratch / "describe.npz"), other_sizes=other)
