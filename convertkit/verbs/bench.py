"""Latency, size, memory and cold start of any artifacts, side by side."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays
from convertkit.environment.devices import check_device
from convertkit.measurement.compiled import joined_rows, with_forms
from convertkit.measurement.latency import Latency
from convertkit.measurement.measured import Measured, beside_first
from convertkit.measurement.profile import Profile, take_profile
from convertkit.measurement.rounds import measure
from convertkit.measurement.start import ColdStart, cold_start
from convertkit.recipe import Recipe
from convertkit.verbs.opening import open_first, open_next, opened, silent
from convertkit.verbs.recorded import with_runs_opened
from convertkit.workers.pool import Workers
from convertkit.workers.process import Tell

SECONDS = 4.0  # of further rounds at one batch and number of threads


def bench_artifacts(
    paths: Sequence[Path],
    recipe: Recipe,
    *,
    batches: Sequence[int] = (),
    threads: Sequence[int] = (),
    allow_code: bool = False,
    profiles: Path | None = None,
    on_cpu: bool = True,
    has_starts: bool = True,
    tell: Tell = silent,
) -> list[Measured]:
    """Latency, size, memory and cold start of artifacts, in interleaved rounds.

    Args:
        paths: files, SavedModels, and folders of runs, which stand for the artifacts that they ship.
        batches: samples in each call, one table each; empty: one, or as many as an artifact is made for.
        threads: likewise; empty: that of the recipe.
        profiles: folder for a trace of each artifact, which is profiled then, after all is measured.
        on_cpu: False: on the GPU alone.
        has_starts: False: no cold starts, and no profiles.

    Raises:
        ConvertkitError: one of them cannot be used, or the device is not there.
    """
    device, files = check_device(recipe.device), list(with_runs_opened(paths))
    bench = recipe.bench if recipe.bench.seconds else msgspec.structs.replace(recipe.bench, seconds=SECONDS)
    found: list[list[tuple[Latency, ...]]] = []
    starts: list[ColdStart] = []
    taken: list[Profile | None] = []
    for number in threads or (bench.threads,):
        options = msgspec.structs.replace(bench, threads=number)
        with opened(msgspec.structs.replace(recipe, bench=options), tell) as (workers, scratch):
            artifacts, sample = open_all(files, recipe, workers, scratch, allow_code=allow_code)
            for batch in batches or (None,):
                forms = with_forms(artifacts, bench.compile)
                rows = measure(
                    [*forms, artifacts[0]], sample, device, options, workers, scratch, batch, on_cpu=on_cpu
                )
                found.append(joined_rows(forms, beside_first(rows, str(files[0]))))
            if not starts and has_starts:
                starts = [cold_start(one, sample, number, workers, scratch) for one in artifacts]
                taken = take_profiles(artifacts, sample, number, workers, scratch, profiles)
    return [
        Measured(
            str(path),
            str(artifact.variant.format),
            artifact.size_bytes,
            tuple(itertools.chain.from_iterable(cell[place] for cell in found)),
            starts[place] if starts else ColdStart(),
            taken[place] if taken else None,
        )
        for place, (path, artifact) in enumerate(zip(files, artifacts, strict=True))
    ]


def take_profiles(
    artifacts: Sequence[Artifact],
    sample: Arrays,
    threads: int,
    workers: Workers,
    scratch: Path,
    folder: Path | None,
) -> list[Profile | None]:
    """A profile of each artifact, its trace in the folder under its number and name; without one, none."""
    if folder is None:
        return [None] * len(artifacts)
    return [
        take_profile(one, sample, threads, workers, scratch, folder / f"{number}-{Path(one.path).name}.json")
        for number, one in enumerate(artifacts, 1)
    ]


def open_all(
    paths: Sequence[Path], recipe: Recipe, workers: Workers, scratch: Path, *, allow_code: bool
) -> tuple[list[Artifact], Arrays]:
    """The artifacts, and the sample that each of them is given."""
    intake = open_first(paths[0], recipe, workers, scratch, allow_code=allow_code)
    others = [
        open_next(path, recipe, intake, workers, scratch, allow_code=allow_code)[0] for path in paths[1:]
    ]
    return [intake.artifact, *others], intake.samples.take(intake.split.validation[:1])
