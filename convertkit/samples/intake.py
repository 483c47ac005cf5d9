"""What comes in: the model file, checked, and the samples, fitted to it and split."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.axes import with_batch_axes, with_output_axes
from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.pixels import Fold
from convertkit.artifacts.signature import Signature, TensorSpec, logical_inputs
from convertkit.config.run_settings import SampleOptions
from convertkit.environment.extras import require_extra
from convertkit.errors import UsageError
from convertkit.recipe import Recipe
from convertkit.registry import runtime_row
from convertkit.samples.apart import split
from convertkit.samples.asked import Asked
from convertkit.samples.examples import axis_sizes, with_examples
from convertkit.samples.fit import fit_samples
from convertkit.samples.output_axes import with_seen_axes
from convertkit.samples.preprocessing import with_settings
from convertkit.samples.reading import NOTHING, read_samples, renamed
from convertkit.samples.samples import Samples, Split
from convertkit.samples.text import all_tokenized
from convertkit.sources import Kind, SourceFile
from convertkit.workers.answers import Described
from convertkit.workers.jobs import DescribeJob
from convertkit.workers.pool import Workers

NEEDS_FACTORY = (Kind.STATE_DICT, Kind.SAFETENSORS)
RUNS_CODE = (*NEEDS_FACTORY, Kind.MODULE)  # of the user's own, named by --factory or allowed by --allow-code


class Intake(msgspec.Struct, frozen=True):
    """The source model and what it is judged by.

    Attributes:
        axis_sizes: sizes to check each dynamic axis at, besides the one it was exported with.
        masks: output → input that rules out its padding, where the model itself tells.
        weights_bytes: of the source's parameters and buffers; None where nobody tells.
        sampling: how images became arrays, the settings of the model's own folder among them.
        fold: the normalisation that goes into every artifact; None: none does.
    """

    file: SourceFile
    artifact: Artifact
    samples: Samples
    split: Split
    axis_sizes: dict[str, list[int]]
    masks: Mapping[str, str] = {}
    sampling: SampleOptions = SampleOptions()
    weights_bytes: int | None = None
    fold: Fold | None = None


def source_loader(file: SourceFile, recipe: Recipe, *, allow_code: bool = False) -> Loader | None:
    """How a PyTorch or Keras file is opened; None for other formats.

    Only a model that is made of the user's own code sees the current folder: PyTorch imports optional
    packages when it needs them, and a file of such a name in a cloned repository would run in their place.

    Raises:
        UsageError: a state dict without `--factory`.
        MissingDependencyError: a Hugging Face folder, and no `transformers`.
    """
    if file.kind is Kind.KERAS:
        return Loader(str(file.kind), is_code_allowed=allow_code)
    if file.format is not Format.TORCH:
        return None
    if file.kind is Kind.HUGGINGFACE:
        require_extra("transformers", f"{file.path} is a Hugging Face folder")
        return Loader(str(file.kind), allow_missing=recipe.allow_missing)
    if file.kind in NEEDS_FACTORY and not recipe.factory:
        raise UsageError(f"{file.path} is a state dict: weights without a model", hint=factory_hint(file))
    if file.kind not in RUNS_CODE:
        return Loader(str(file.kind))
    if not recipe.factory:
        return Loader(str(file.kind), search_path=str(Path.cwd()))
    return Loader(
        str(file.kind),
        recipe.factory,
        recipe.factory_args,
        recipe.allow_missing,
        recipe.allow_extra,
        str(Path.cwd()),
    )


def factory_hint(file: SourceFile) -> str:
    """What builds the module of a file of weights: a factory, or the configuration beside it."""
    if (Path(file.path).parent / "config.json").is_file():
        return f"config.json lies beside it: give the folder, {Path(file.path).parent}"
    return "name what builds the nn.Module: --factory MODULE:CALLABLE, or FILE.py:CALLABLE"


def take_in(
    file: SourceFile,
    loader: Loader | None,
    early: tuple[Samples | None, tuple[TensorSpec, ...]],
    samples_path: Path | None,
    options: SampleOptions,
    asked: Asked = NOTHING,
    known: Signature | None = None,
    *,
    needs_calibration: bool,
    workers: Workers,
    scratch: Path,
) -> Intake:
    """The model's whole signature, read in a worker, and the samples fitted to it.

    Args:
        early: what `read_early` found.
        known: the signature that a run recorded beside its artifact, which knows the source's axis order.

    Raises:
        ConvertkitError: the model or the samples cannot be used; see `errors`.
    """
    samples, inputs = early
    ranges = asked.limited(file.ranges, file.inputs)
    sha256, _ = with_external_data(file, file.external)
    job = DescribeJob(file.format, str(Path(file.path).resolve()), loader, inputs, sha256=sha256)
    if samples is not None and loader is not None:
        job = with_examples(job, samples, axis_sizes(inputs, samples, ranges), scratch)
    answer = workers.ask(runtime_row(file.format).environment, job, "source.log")
    store = workers.known.store if workers.known else None
    assert isinstance(answer, Described)
    signature = answer.signature
    if known is not None:
        signature = known
        samples, _ = read_samples(samples_path, logical_inputs(known), options, answer.limits, asked, store)
    elif samples is None or loader is None:
        signature = asked.signature(signature)
        options, said = with_settings(options, file.images if is_folder(samples_path) else {})
        path, options, more = all_tokenized(file, samples_path, options, signature.inputs, workers, scratch)
        samples, _ = read_samples(path, signature.inputs, options, answer.limits, asked, store)
        samples = msgspec.structs.replace(samples, notes=(*samples.notes, *said, *more))
    else:
        samples = fit_samples(renamed(samples, inputs, signature), signature.inputs)
    samples = msgspec.structs.replace(samples, notes=(*samples.notes, *answer.notes))
    inputs = with_batch_axes(signature.inputs, samples.batch_axes)
    signature = with_output_axes(Signature(inputs, signature.outputs), is_seen=file.format is Format.TORCH)
    asked.check_bounds(signature)
    signature = asked.named(asked.settled(signature, samples))
    names = tuple(sorted({*file.external, *answer.external_data}))
    sha256, size = with_external_data(file, names)
    if loader is not None:
        loader = msgspec.structs.replace(loader, casts=answer.casts)
    artifact = Artifact(Variant(file.format), job.path, signature, sha256, size, loader, answer.half)
    if known is None:
        artifact = with_seen_axes(artifact, samples, workers, scratch)
        signature = artifact.signature
    return Intake(
        file,
        artifact,
        samples,
        split(samples, options, needs_calibration=needs_calibration),
        axis_sizes(signature.inputs, samples, ranges),
        {
            spec.name: answer.masks[spec.runtime_name]
            for spec in signature.outputs
            if spec.runtime_name in answer.masks
        },
        options,
        answer.weights_bytes,
    )


def is_folder(path: Path | None) -> bool:
    """True for a folder: of images."""
    return path is not None and path.is_dir()


def named_masks(masks: Mapping[str, str], signature: Signature) -> dict[str, str]:
    """The masks that a model tells, its outputs under the names that were asked for."""
    return {s.name: masks[s.runtime_name] for s in signature.outputs if s.runtime_name in masks}


def with_masks(recipe: Recipe, masks: Mapping[str, str]) -> Recipe:
    """The recipe with the masks that a model tells of its outputs, besides those that were asked for."""
    if not masks:
        return recipe
    gate = msgspec.structs.replace(recipe.gate, masks={**masks, **recipe.gate.masks})
    return msgspec.structs.replace(recipe, gate=gate)


def with_external_data(file: SourceFile, names: tuple[str, ...]) -> tuple[str, int]:
    """SHA-256 and bytes of a model file together with the weights that it keeps in files beside it."""
    sha256, size = file.sha256, file.size_bytes
    for name in names:
        digest, more = hash_path(Path(file.path).parent / name)
        sha256 = hashlib.sha256(f"{sha256} {name} {digest}".encode()).hexdigest()
        size += more
    return sha256, size
