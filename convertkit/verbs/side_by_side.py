"""Artifacts that no run made, beside each other: compare any two, measure any number."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Precision, Variant
from convertkit.artifacts.signature import Dim, Signature, TensorSpec
from convertkit.environment.devices import check_device
from convertkit.errors import InputError
from convertkit.measurement.latency import Latency
from convertkit.measurement.rounds import measure
from convertkit.recipe import Recipe
from convertkit.report.report import SIGNATURE_FILE, ArtifactSignature
from convertkit.samples.intake import Intake, read_early, source_loader, take_in
from convertkit.sources import check_trusted, inspect_source
from convertkit.validation.judgement import Judgement
from convertkit.validation.validator import Validator
from convertkit.workers.pool import Workers

INTEGER_TYPES = frozenset(("int8", "uint8", "int16"))


class Measured(msgspec.Struct, frozen=True):
    """One artifact's row of `convertkit bench`."""

    path: str
    format: str
    size_bytes: int
    latency: tuple[Latency, ...]


def validate(
    reference: Path,
    candidate: Path,
    recipe: Recipe,
    *,
    precision: Precision | None = None,
    allow_code: bool = False,
) -> Judgement:
    """Judge one artifact by another.

    Args:
        precision: whose tolerance applies; None: what the candidate's signature or name says, else float32.

    Raises:
        ConvertkitError: either cannot be used.
    """
    with opened(recipe) as (workers, scratch):
        intake = open_first(reference, recipe, workers, scratch, allow_code=allow_code)
        other = open_next(candidate, recipe, intake, workers, scratch, allow_code=allow_code)
        variant = Variant(other.variant.format, precision or guess_precision(other))
        validator = Validator(workers, intake, scratch, recipe.gate, recipe.bench.threads)
        return validator.judge(msgspec.structs.replace(other, variant=variant), validator.source_outputs)


def bench(paths: Sequence[Path], recipe: Recipe, *, allow_code: bool = False) -> list[Measured]:
    """Latency, size and memory of artifacts, in interleaved rounds.

    Raises:
        ConvertkitError: one of them cannot be used, or the device is not there.
    """
    device = check_device(recipe.device)
    with opened(recipe) as (workers, scratch):
        intake = open_first(paths[0], recipe, workers, scratch, allow_code=allow_code)
        others = [
            open_next(path, recipe, intake, workers, scratch, allow_code=allow_code) for path in paths[1:]
        ]
        artifacts = [intake.artifact, *others]
        sample = intake.samples.take(intake.split.validation[:1])
        rows = measure(artifacts, sample, device, recipe.bench, workers, scratch)
    return [
        Measured(str(path), str(artifact.variant.format), artifact.size_bytes, row)
        for path, artifact, row in zip(paths, artifacts, rows, strict=True)
    ]


@contextmanager
def opened(recipe: Recipe) -> Iterator[tuple[Workers, Path]]:
    """Workers and a scratch folder, both gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="convertkit-") as folder:
        scratch = Path(folder)
        with Workers(scratch, recipe.limits, recipe.bench.threads) as workers:
            yield workers, scratch


def open_first(path: Path, recipe: Recipe, workers: Workers, scratch: Path, *, allow_code: bool) -> Intake:
    """The artifact that the others are measured by, with the samples."""
    file = inspect_source(path)
    check_trusted(file, allow_code=allow_code)
    samples = Path(recipe.samples) if recipe.samples else None
    loader = source_loader(file, recipe.factory)
    intake = take_in(
        file,
        loader,
        read_early(file, recipe.inputs, samples, recipe.sampling, needs_calibration=False),
        samples,
        recipe.sampling,
        needs_calibration=False,
        workers=workers,
        scratch=scratch,
    )
    known = recorded_signature(path)
    if known is None:
        return intake
    return msgspec.structs.replace(intake, artifact=msgspec.structs.replace(intake.artifact, signature=known))


def open_next(
    path: Path, recipe: Recipe, first: Intake, workers: Workers, scratch: Path, *, allow_code: bool
) -> Artifact:
    """Another artifact, its inputs and outputs matched with the first one's."""
    file = inspect_source(path)
    check_trusted(file, allow_code=allow_code)
    logical = first.artifact.signature
    loader = source_loader(file, recipe.factory)
    known = recorded_signature(path)
    intake = take_in(
        file,
        loader,
        (first.samples, logical_inputs(logical)) if loader is not None else (None, ()),
        None,
        recipe.sampling,
        needs_calibration=False,
        workers=workers,
        scratch=scratch,
    )
    signature = known or align(intake.artifact.signature, logical, str(path))
    return msgspec.structs.replace(intake.artifact, signature=signature)


def logical_inputs(signature: Signature) -> tuple[TensorSpec, ...]:
    """The inputs in the source's axis order and without quantization."""
    return tuple(TensorSpec(s.name, s.logical_dtype, s.logical_shape) for s in signature.inputs)


def recorded_signature(path: Path) -> Signature | None:
    """The signature that a run recorded beside its artifact; None where there is no record."""
    record = path.resolve().parent / SIGNATURE_FILE
    try:
        entries = msgspec.json.decode(record.read_bytes(), type=list[ArtifactSignature])
    except (OSError, msgspec.MsgspecError):
        return None
    for entry in entries:
        if entry.path == path.name:
            return Signature(entry.inputs, entry.outputs)
    return None


def align(found: Signature, logical: Signature, path: str) -> Signature:
    """The artifact's signature under the other's names and axis orders."""
    return Signature(
        align_specs(found.inputs, logical.inputs, path), align_specs(found.outputs, logical.outputs, path)
    )


def align_specs(
    found: tuple[TensorSpec, ...], logical: tuple[TensorSpec, ...], path: str
) -> tuple[TensorSpec, ...]:
    """Each logical tensor's counterpart: by name, or by position where no name is shared.

    Raises:
        InputError: there is none, or its shape fits neither the same axis order nor channels-last.
    """
    by_name = {spec.name: spec for spec in found}
    names = [spec.name for spec in logical]
    if len(found) != len(logical):
        raise InputError(f"{path} has {', '.join(by_name)}; expected {', '.join(names)}")
    if set(names) & set(by_name):
        missing = [name for name in names if name not in by_name]
        if missing:
            raise InputError(f"{path} has no '{missing[0]}'; it has {', '.join(by_name)}")
        pairs = [(by_name[spec.name], spec) for spec in logical]
    else:
        pairs = list(zip(found, logical, strict=True))
    return tuple(align_spec(got, wanted, path) for got, wanted in pairs)


def align_spec(got: TensorSpec, wanted: TensorSpec, path: str) -> TensorSpec:
    """One tensor under the other's name; the same axis order where the shape allows it."""
    shape = wanted.logical_shape
    rank = len(shape)
    orders: list[tuple[int, ...] | None] = [None]
    if rank >= 3:
        orders.append((0, *range(2, rank), 1))
    for order in orders:
        permuted = shape if order is None else tuple(shape[axis] for axis in order)
        if fits(got.shape, permuted):
            key = got.runtime_name if got.runtime_name != wanted.name else None
            return msgspec.structs.replace(got, name=wanted.name, axis_order=order, key=key)
    raise InputError(f"{path}: '{got.describe()}' does not fit [{','.join(str(dim) for dim in shape)}]")


def fits(got: tuple[Dim, ...], wanted: tuple[Dim, ...]) -> bool:
    """True where two shapes agree, a dynamic axis with any size."""
    return len(got) == len(wanted) and all(
        a == b or isinstance(a, str) or isinstance(b, str) for a, b in zip(got, wanted, strict=True)
    )


def guess_precision(artifact: Artifact) -> Precision:
    """The precision that the file's name or its input types tell; float32 where neither does."""
    for precision in sorted(Precision, key=len, reverse=True):
        if f".{precision}." in Path(artifact.path).name:
            return precision
    if any(spec.dtype in INTEGER_TYPES and spec.scale for spec in artifact.signature.inputs):
        return Precision.INT8
    return Precision.FLOAT32
