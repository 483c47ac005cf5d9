"""Artifacts run on the vectors of a run, each in its runtime's worker. Imports no framework."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.files import hash_artifact
from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.artifacts.signature import Arrays, Signature
from convertkit.artifacts.tensors import read_npz
from convertkit.config.run_settings import LimitOptions
from convertkit.recipe import Recipe
from convertkit.registry import RuntimeRow, runtime_row
from convertkit.report.report import ArtifactSignature
from convertkit.samples.intake import source_loader
from convertkit.sources import check_trusted, inspect_source
from convertkit.storage.temporary import temporary_folder
from convertkit.workers.jobs import InferJob
from convertkit.workers.pool import Workers
from convertkit.workers.process import Tell

CHUNK = 32
Infer = Callable[[Artifact, RuntimeRow, Path], Arrays]
"""What runs an artifact: it, the runtime, and the file of its inputs → its outputs, logical."""


def variant_of(text: str) -> Variant:
    """The variant that a report or a manifest names in full; ValueError where there is none."""
    format_, _, precision = text.partition(":")
    return Variant(Format(format_), Precision(precision))


def artifact_of(entry: ArtifactSignature, home: Path, *, allow_code: bool) -> Artifact:
    """The artifact of a run's folder.

    Raises:
        ConvertkitError: the file cannot be used, or is a program and was not allowed.
    """
    path = home / entry.path
    file = inspect_source(path)
    check_trusted(file, allow_code=allow_code)
    loader = source_loader(file, Recipe(), allow_code=allow_code)
    signature = Signature(entry.inputs, entry.outputs)
    return Artifact(variant_of(entry.variant), str(path.resolve()), signature, *hash_artifact(path), loader)


@contextmanager
def runtimes(tell: Tell) -> Iterator[Infer]:
    """What runs artifacts here; its workers are gone afterwards."""
    with temporary_folder() as scratch, Workers(scratch, LimitOptions(), 1, tell=tell) as workers:

        def infer(artifact: Artifact, row: RuntimeRow, inputs: Path) -> Arrays:
            outputs = scratch / "outputs.npz"
            outputs.unlink(missing_ok=True)
            job = InferJob(row.name, artifact, str(inputs.resolve()), str(outputs), chunk_of(artifact))
            workers.ask(row.environment, workers.bounded(job), f"{row.name}.log")
            return read_npz(outputs)

        yield infer


def chunk_of(artifact: Artifact) -> int:
    """Samples in a call: one where an output is given once a call."""
    return 1 if any(spec.batch_axis is None for spec in artifact.signature.outputs) else CHUNK


def own_runtime(artifact: Artifact) -> RuntimeRow:
    """The runtime of an artifact's format."""
    return runtime_row(artifact.variant.format)


def signatures_of(file: Path) -> dict[str, ArtifactSignature]:
    """The entries of a `signature.json` by path.

    Raises:
        OSError, msgspec.MsgspecError: it cannot be read.
    """
    entries = msgspec.json.decode(file.read_bytes(), type=list[ArtifactSignature])
    return {entry.path: entry for entry in entries}
