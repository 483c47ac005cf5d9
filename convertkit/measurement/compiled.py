"""PyTorch models by torch.compile as contenders of their own, whose rows go to the model's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Precision
from convertkit.config.run_settings import CompileMode
from convertkit.measurement.latency import Latency

Rows = tuple[Latency, ...]


def compiled_forms(artifact: Artifact, modes: Sequence[CompileMode]) -> Iterator[Artifact]:
    """A float PyTorch model by each mode of torch.compile; nothing of other artifacts."""
    variant, loader = artifact.variant, artifact.loader
    if variant.format is Format.TORCH and variant.precision is Precision.FLOAT32 and loader is not None:
        for mode in modes:
            compiled = msgspec.structs.replace(loader, compiled=mode)
            yield msgspec.structs.replace(artifact, loader=compiled)


def with_forms(artifacts: Sequence[Artifact], modes: Sequence[CompileMode]) -> list[Artifact]:
    """The artifacts, each followed by its compiled forms."""
    return [form for one in artifacts for form in (one, *compiled_forms(one, modes))]


def mode_of(artifact: Artifact) -> str:
    """The mode of torch.compile that an artifact is run by; empty: none."""
    return artifact.loader.compiled if artifact.loader else ""


def joined_rows(forms: Sequence[Artifact], rows: Sequence[Rows]) -> list[Rows]:
    """The rows of each artifact, those of its compiled forms behind its own."""
    found: list[Rows] = []
    for form, row in zip(forms, rows, strict=True):
        if mode_of(form):
            found[-1] += row
        else:
            found.append(row)
    return found
