"""What a kit is made of: one artifact of a run or bundle, its tensors, vectors, labels, preprocessing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from convertkit.artifacts.axes import CallAxes
from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import Array, Arrays, TensorSpec, to_physical
from convertkit.artifacts.tensors import read_npz
from convertkit.bundles.build import Wanted, build_bundle, labels_in
from convertkit.bundles.container import is_bundle, opened_bundle
from convertkit.bundles.manifest import BundledArtifact, Manifest
from convertkit.bundles.shipped import failed_reasons
from convertkit.bundles.vectors import Infer, signatures_of, variant_of
from convertkit.config.run_settings import GateOptions
from convertkit.errors import NotMeasuredError
from convertkit.kits.choice import chosen_variant, passed
from convertkit.kits.identifiers import identifier, variables
from convertkit.report.report import SIGNATURE_FILE, ArtifactSignature, load_report
from convertkit.report.shipping import (
    INPUTS,
    LABELS_FILE,
    PREPROCESSING_FILE,
    VECTORS,
    Preprocessing,
    read_labels,
)
from convertkit.storage.temporary import temporary_folder
from convertkit.validation.tolerance import tolerance_for
from convertkit.workers.process import Tell


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """An input or output as a kit's code takes or gives it: in the artifact's axis order, in real units.

    Attributes:
        identifier: its name as a variable, as `variables` makes it.
        key: the name that the runtime knows it by.
        dtype: of the artifact itself; `real` is that of the kit's code, float32 for a quantized tensor, and
            the artifact's own for pixels.
        shape: sizes; -1 where one is free.
        axes: sizes, and words for the free ones.
        batch: the axis along which samples are stacked; null where there is none.
    """

    name: str
    identifier: str
    key: str
    dtype: str
    real: str
    shape: tuple[int, ...]
    axes: tuple[int | str, ...]
    scale: float | None
    zero_point: int | None
    batch: int | None


class Vector(msgspec.Struct, frozen=True):
    """One call, and what it has to give; in the artifact's axis order, in real units, by name."""

    inputs: Arrays
    outputs: Arrays


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """All that a kit is generated from.

    Attributes:
        name: an identifier: letters, digits, `_`.
        artifact: its file or folder.
        min_sqnr_db: what the outputs have to agree with the vectors by.
    """

    name: str
    variant: str
    artifact: Path
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    vectors: tuple[Vector, ...]
    labels: tuple[str, ...]
    preprocessing: Preprocessing | None
    min_sqnr_db: float

    @property
    def labelled(self) -> str | None:
        """The output whose last axis has as many entries as there are labels; None where none has."""
        count = len(self.labels)
        return next((each.name for each in self.outputs if count and each.shape[-1:] == (count,)), None)


@contextmanager
def opened_subject(
    path: Path,
    formats: Sequence[Format],
    only: str | None,
    labels: Path | None,
    name: str | None,
    tell: Tell,
    infer: Infer | None = None,
) -> Iterator[Subject]:
    """What a kit for one of some formats is made of; its files go afterwards.

    Args:
        path: a run's folder, or a bundle.
        formats: those that the kit can use, the best first.
        only: the variant; None: of the first format that is there, INT8 of `.tflite`, float32 of others.
        labels: file of class names; None: the run's own.
        name: of the model; None: that of the run's folder or the bundle.

    Raises:
        ConvertkitError: there is no such artifact, or nothing here ran it for its vectors.
    """
    if is_bundle(path):
        with opened_bundle(path) as (home, manifest):
            subject = subject_of(home, manifest, formats, only, name or manifest.name)
            yield msgspec.structs.replace(subject, labels=labels_in(labels)) if labels else subject
        return
    with temporary_folder() as folder:
        out = folder / "model.ckb"
        report = load_report(path)
        variant = chosen_variant(passed(report), formats, only, failed_reasons(report), report.source.format)
        build_bundle(path, out, Wanted(only=(variant,), labels=labels, allow_code=False), tell, infer)
        with opened_bundle(out) as (home, manifest):
            yield subject_of(home, manifest, formats, variant, name or path.resolve().name)


def subject_of(
    home: Path, manifest: Manifest, formats: Sequence[Format], only: str | None, name: str
) -> Subject:
    """What a kit is made of, out of an opened bundle."""
    artifacts = {each.variant: each for each in manifest.artifacts}
    report = load_report(home)
    failed, source = failed_reasons(report), report.source.format
    artifact = artifacts[chosen_variant(list(artifacts), formats, only, failed, source)]
    if not artifact.vectors:
        raise NotMeasuredError(
            f"nothing here runs {artifact.path}, so that the kit has no vectors", hint="convertkit doctor"
        )
    entry = signatures_of(home / SIGNATURE_FILE)[artifact.path]
    variant = variant_of(artifact.variant)
    images = home / PREPROCESSING_FILE
    return Subject(
        name=identifier(name),
        variant=artifact.variant,
        artifact=home / artifact.path,
        inputs=tensors_of(entry.inputs),
        outputs=tensors_of(entry.outputs),
        vectors=tuple(vectors_of(home, artifact, entry)),
        labels=read_labels(home / LABELS_FILE) if (home / LABELS_FILE).is_file() else (),
        preprocessing=msgspec.json.decode(images.read_bytes(), type=Preprocessing)
        if images.is_file()
        else None,
        min_sqnr_db=tolerance_for(variant.precision, GateOptions()).min_sqnr_db,
    )


def tensors_of(specs: Sequence[TensorSpec]) -> tuple[Tensor, ...]:
    """The inputs, or the outputs, of a signature."""
    names = variables(spec.name for spec in specs)
    return tuple(tensor_of(spec, name) for spec, name in zip(specs, names, strict=True))


def tensor_of(spec: TensorSpec, variable: str) -> Tensor:
    """A tensor of a signature."""
    batch = spec.batch_axis
    if batch is not None and spec.axis_order is not None and batch < len(spec.shape):
        batch = spec.axis_order.index(batch)
    return Tensor(
        name=spec.name,
        identifier=variable,
        key=spec.runtime_name,
        dtype=spec.dtype,
        real=spec.logical_dtype if spec.pixels is None else spec.dtype,
        shape=tuple(dim if isinstance(dim, int) else -1 for dim in spec.shape),
        axes=spec.shape,
        scale=spec.scale,
        zero_point=spec.zero_point,
        batch=batch if batch is not None and batch < len(spec.shape) else None,
    )


def vectors_of(home: Path, artifact: BundledArtifact, entry: ArtifactSignature) -> Iterator[Vector]:
    """Each sample as a call of its own."""
    samples, given = read_npz(home / VECTORS / INPUTS), read_npz(home / artifact.vectors)
    axes = CallAxes.of(entry.inputs, samples)
    size = axes.batch_size or 1
    for row in range(len(next(iter(samples.values())))):
        call = axes.call(samples, np.full(size, row))
        yield Vector(
            {spec.name: permuted(call[spec.name], spec) for spec in entry.inputs},
            {spec.name: permuted(whole(given[spec.name][row], spec, size), spec) for spec in entry.outputs},
        )


def whole(sample: Array, spec: TensorSpec, size: int) -> Array:
    """An output of a call: a sample's entry with its batch axis, as often as the call holds the sample."""
    axis = spec.batch_axis
    if axis is None or sample.ndim == len(spec.shape):
        return sample
    return np.repeat(np.expand_dims(sample, axis), size, axis)


def permuted(values: Array, spec: TensorSpec) -> Array:
    """Values in the artifact's own axis order; pixels where it takes these."""
    if spec.pixels is not None:
        return np.asarray(to_physical(values, spec), order="C")
    ordered = values if spec.axis_order is None else np.transpose(values, spec.axis_order)
    return np.asarray(ordered, dtype=spec.logical_dtype, order="C")
