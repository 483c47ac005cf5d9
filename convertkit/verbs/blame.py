"""Blame for the folder of a run that is over: its artifacts are found, compared, and the answer written."""

from __future__ import annotations

from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.artifacts.tensors import write_npz
from convertkit.attribution.blamer import Blamer, Pair, lowered_pairs
from convertkit.attribution.notes import SAMPLE_FILES
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import ConvertkitError, InputError, UsageError
from convertkit.recipe import Recipe
from convertkit.registry import parse_variant
from convertkit.report.blame import Blame
from convertkit.report.report import SIGNATURE_FILE, ArtifactSignature, Report, load_report
from convertkit.samples.intake import source_loader, with_masks
from convertkit.samples.preprocessing import with_settings
from convertkit.samples.reading import read_samples
from convertkit.samples.text import tokenized
from convertkit.sources import Kind, check_trusted, inspect_source
from convertkit.verbs.opening import opened, silent
from convertkit.workers.pool import Workers
from convertkit.workers.process import Tell


def blame_run(
    run: Path,
    recipe: Recipe,
    *,
    of: str | None = None,
    against: str | None = None,
    all_hops: bool = False,
    count: int,
    allow_code: bool = False,
    tell: Tell = silent,
) -> list[Blame]:
    """Compare the artifacts of a run, tensor by tensor.

    Args:
        of, against: variants; None: every artifact of a lower precision, beside the float one of its format.
        all_hops: besides, every float artifact beside the one it was made from.
        count: how many samples are run: of the recipe's, else of those that the run calibrated with.

    Raises:
        ConvertkitError: the folder is not a run's, or the artifacts cannot be compared.
    """
    report = load_report(run)
    recipe = with_masks(recipe, report.source.masks)
    artifacts = artifacts_of(run)
    pairs = chosen_pairs(report, artifacts, of=of, against=against, all_hops=all_hops)
    for variant in {variant for pair in pairs for variant in (pair.candidate, pair.reference)}:
        if variant == Variant(Format.TORCH):
            artifacts[variant] = source_artifact(report, artifacts[variant], recipe, allow_code=allow_code)
    with opened(recipe, tell) as (workers, scratch):
        samples = samples_file(run, report, recipe, artifacts, workers, scratch, count)
        blamer = Blamer(artifacts, samples, workers, scratch, count, recipe.gate.masks)
        return [blame_or_skip(blamer, pair, must=of is not None) for pair in pairs]


def blame_or_skip(blamer: Blamer, pair: Pair, *, must: bool) -> Blame:
    """A pair's answer; that it could not be had, where nobody asked for it by name."""
    try:
        return blamer.blame(pair)
    except ConvertkitError as error:
        if must:
            raise
        return Blame(str(pair.candidate), str(pair.reference), 0, (), skipped=str(error))


def artifacts_of(run: Path) -> dict[Variant, Artifact]:
    """The artifacts that `signature.json` lists, the source first; also those that failed their gates."""
    file = run / SIGNATURE_FILE
    try:
        entries = msgspec.json.decode(file.read_bytes(), type=list[ArtifactSignature])
    except (OSError, msgspec.MsgspecError):
        raise UsageError(f"{file} cannot be read", hint="give the -o folder of a run") from None
    return {
        (variant := any_variant(entry.variant)): Artifact(
            variant, str((run / entry.path).resolve()), Signature(entry.inputs, entry.outputs)
        )
        for entry in entries
    }


def any_variant(text: str) -> Variant:
    """A variant spelled in full, also the source's."""
    return Variant(Format.TORCH) if text == str(Variant(Format.TORCH)) else parse_variant(text)


def chosen_pairs(
    report: Report,
    artifacts: dict[Variant, Artifact],
    *,
    of: str | None,
    against: str | None,
    all_hops: bool,
) -> list[Pair]:
    """What is to be compared.

    Raises:
        UsageError: the run did not make it, or there is nothing to choose by itself.
    """
    hops = [Pair(any_variant(hop.target), any_variant(hop.source)) for hop in report.hops]
    seen = [pair for pair in hops if pair.candidate in artifacts and pair.reference in artifacts]
    if of is None:
        lowered = lowered_pairs(artifacts)
        floats = [pair for pair in seen if pair.candidate.precision is Precision.FLOAT32]
        pairs = lowered if lowered and not all_hops else [*floats, *lowered]
        if not pairs:
            raise UsageError(f"the run made nothing to compare: {', '.join(map(str, artifacts))}")
        return pairs
    candidate = any_variant(of)
    reference = any_variant(against) if against else Variant(candidate.format)
    for variant in (candidate, reference):
        made = variant in artifacts or (
            variant == Variant(Format.TFLITE) and Variant(Format.SAVEDMODEL) in artifacts
        )
        if not made:
            raise UsageError(f"the run made no {variant}", hint=f"it made {', '.join(map(str, artifacts))}")
    return [Pair(candidate, reference)]


def source_artifact(report: Report, known: Artifact, recipe: Recipe, *, allow_code: bool) -> Artifact:
    """The PyTorch model that the run started from, checked again before it is opened.

    Raises:
        InputError: it is not there any more, or not the same.
    """
    file = inspect_source(Path(report.source.path))
    check_trusted(file, allow_code=allow_code)
    if file.sha256 != report.source.sha256:
        raise InputError(f"{file.path} is not the model of that run any more: its contents have changed")
    loader = source_loader(file, recipe, allow_code=allow_code)
    return Artifact(known.variant, file.path, known.signature, file.sha256, file.size_bytes, loader)


def samples_file(
    run: Path,
    report: Report,
    recipe: Recipe,
    artifacts: dict[Variant, Artifact],
    workers: Workers,
    scratch: Path,
    count: int,
) -> Path:
    """The samples to compare on: the recipe's, else those that the run calibrated with, else its examples.

    Raises:
        UsageError: there are none.
    """
    if recipe.samples:
        inputs = next(iter(artifacts.values())).signature.inputs
        path, options = Path(recipe.samples), recipe.sampling
        if report.source.kind == Kind.HUGGINGFACE:  # its own tokenizer and preprocessor read them
            path, options = prepared_by(report, path, options, inputs, workers, scratch)
        samples, _ = read_samples(path, inputs, options)
        file = scratch / "samples.npz"
        write_npz(file, samples.take(range(min(count, samples.count))))
        return file
    for name in SAMPLE_FILES:
        if (run / "repro" / name).is_file():
            return run / "repro" / name
    raise UsageError(f"{run} holds no samples any more", hint="give --samples FILE.npz")


def prepared_by(
    report: Report,
    path: Path,
    options: SampleOptions,
    inputs: tuple[TensorSpec, ...],
    workers: Workers,
    scratch: Path,
) -> tuple[Path, SampleOptions]:
    """The samples as the folder that the run started from reads texts and images.

    Raises:
        ModelFileError: the folder is not there any more.
    """
    file = inspect_source(Path(report.source.path))
    options, _ = with_settings(options, file.images if path.is_dir() else {})
    path, _ = tokenized(file, path, inputs, workers, scratch / "tokens.npz")
    return path, options
