"""Artifacts that no run made, opened beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.pairing import ways
from convertkit.artifacts.signature import logical_inputs
from convertkit.recipe import Recipe
from convertkit.samples.asked import asked_of
from convertkit.samples.intake import Intake, source_loader, take_in
from convertkit.samples.reading import read_early
from convertkit.sources import check_trusted, inspect_source
from convertkit.storage.temporary import temporary_folder
from convertkit.verbs.recorded import recorded_signature
from convertkit.workers.pool import Workers
from convertkit.workers.process import Tell


def silent(text: str) -> None:
    """Tell nobody."""


@contextmanager
def opened(recipe: Recipe, tell: Tell = silent) -> Iterator[tuple[Workers, Path]]:
    """Workers and a scratch folder, both gone afterwards; `tell` is told what takes its time."""
    threads = recipe.bench.threads
    with temporary_folder() as scratch, Workers(scratch, recipe.limits, threads, tell=tell) as workers:
        yield workers, scratch


def open_first(
    path: Path,
    recipe: Recipe,
    workers: Workers,
    scratch: Path,
    *,
    allow_code: bool,
    leaves_calibration: bool = False,
) -> Intake:
    """The artifact that the others are measured by, with the samples.

    Args:
        leaves_calibration: leave out the samples that a run of this recipe calibrates with.
    """
    file = inspect_source(path)
    check_trusted(file, allow_code=allow_code)
    samples = Path(recipe.samples) if recipe.samples else None
    loader = source_loader(file, recipe, allow_code=allow_code)
    return take_in(
        file,
        loader,
        read_early(file, asked_of(recipe), samples, recipe.sampling, needs_calibration=leaves_calibration),
        samples,
        recipe.sampling,
        asked_of(recipe),
        recorded_signature(path) if loader is None else None,
        needs_calibration=leaves_calibration,
        workers=workers,
        scratch=scratch,
    )


def open_next(
    path: Path,
    recipe: Recipe,
    first: Intake,
    workers: Workers,
    scratch: Path,
    names: Mapping[str, str] | None = None,
    *,
    allow_code: bool,
) -> list[Artifact]:
    """Another artifact in every way in which its inputs and outputs can be the first one's.

    Args:
        names: name in the first artifact → name in this one, paired by hand.
    """
    file = inspect_source(path)
    check_trusted(file, allow_code=allow_code)
    logical = first.artifact.signature
    loader = source_loader(file, recipe, allow_code=allow_code)
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
    if known is not None and not names:
        return [msgspec.structs.replace(intake.artifact, signature=known)]
    return [
        msgspec.structs.replace(intake.artifact, signature=signature)
        for signature in ways(intake.artifact.signature, logical, str(path), names)
    ]
