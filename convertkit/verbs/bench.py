"""Latency, size and memory of any artifacts, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from convertkit.environment.devices import check_device
from convertkit.measurement.latency import Latency
from convertkit.measurement.rounds import measure
from convertkit.recipe import Recipe
from convertkit.verbs.opening import open_first, open_next, opened


class Measured(msgspec.Struct, frozen=True):
    """One artifact's row of `convertkit bench`."""

    path: str
    format: str
    size_bytes: int
    latency: tuple[Latency, ...]


def bench_artifacts(paths: Sequence[Path], recipe: Recipe, *, allow_code: bool = False) -> list[Measured]:
    """Latency, size and memory of artifacts, in interleaved rounds.

    Raises:
        ConvertkitError: one of them cannot be used, or the device is not there.
    """
    device = check_device(recipe.device)
    with opened(recipe) as (workers, scratch):
        intake = open_first(paths[0], recipe, workers, scratch, allow_code=allow_code)
        others = [
            open_next(path, recipe, intake, workers, scratch, allow_code=allow_code)[0] for path in paths[1:]
        ]
        artifacts = [intake.artifact, *others]
        sample = intake.samples.take(intake.split.validation[:1])
        rows = measure(artifacts, sample, device, recipe.bench, workers, scratch)
    return [
        Measured(str(path), str(artifact.variant.format), artifact.size_bytes, row)
        for path, artifact, row in zip(paths, artifacts, rows, strict=True)
    ]
