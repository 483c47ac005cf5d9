"""The run: source in, hops in order, each converted, validated and judged; then measured and reported."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format
from convertkit.attribution.notes import Blamed, blame_lowered
from convertkit.environment.torch_ao import deprecation_notes
from convertkit.hops.runner import HopRunner
from convertkit.measurement.kept import KeptLatencies
from convertkit.measurement.profile import Profile
from convertkit.measurement.rounds import Bench
from convertkit.plan import default_variant
from convertkit.recipe import Recipe
from convertkit.report.report import Report
from convertkit.run.ahead import expect_checks
from convertkit.run.budgeted import check_budget, held, with_start
from convertkit.run.examine import examine
from convertkit.run.interrupted import reported_when_ended
from convertkit.run.outcome import rescue_hops, rescuer_of, run_hops, unique
from convertkit.run.prepare import (
    Prepared,
    RunRequest,
    file_stem,
    modules_of,
    prepare,
    samples_path,
)
from convertkit.run.profiled import take_profiles, with_profile
from convertkit.run.progress import Progress
from convertkit.run.publish import build_report, keep_outputs, write_run
from convertkit.run.ship import leave_shipping
from convertkit.samples.asked import asked_of
from convertkit.samples.folding import fold_note, fold_of
from convertkit.samples.intake import Intake, take_in, with_masks
from convertkit.samples.synthetic import SYNTHETIC_NOTE
from convertkit.storage.run_folder import RunFolder
from convertkit.storage.store import Store
from convertkit.validation.masks import mask_notes
from convertkit.validation.validator import Validator
from convertkit.workers.known import KnownAnswers
from convertkit.workers.pool import Workers

NO_SANDBOX_NOTE = "workers ran without a sandbox, as asked for"
RANDOM_NOTE = "calibrated on random data, as asked for: the integer artifacts are not fit to ship"


def run(request: RunRequest, progress: Progress) -> Report:
    """Do the whole run and write its folder.

    Raises:
        ConvertkitError: something is wrong with what was given; a hop that fails is in the report instead.
    """
    started = datetime.now(UTC)
    check_budget(request.recipe)
    prepared = prepare(request)
    recipe = prepared.recipe
    store = Store.default(progress.waiting) if request.use_cache else None
    known = KnownAnswers(store, recipe.limits, recalls=not request.remeasures) if store else None
    latencies_kept = KeptLatencies(store, recalls=not request.remeasures) if store else None
    with (
        RunFolder(folder_of(request), waits=request.waits, waiting=progress.waiting) as folder,
        Workers(
            folder.logs,
            recipe.limits,
            recipe.bench.threads,
            (folder.scratch, folder.repro),
            progress.busy,
            known,
        ) as workers,
    ):
        workers.foresee(modules_of(prepared.file.format, prepared.hops))
        intake = take_all_in(prepared, workers, folder)
        recipe = with_masks(recipe, intake.masks)
        prepared = msgspec.structs.replace(prepared, recipe=recipe)
        with reported_when_ended(prepared, intake, folder, workers, started) as finished:
            progress.planned(prepared.hops)
            validator = Validator(workers, intake, folder.scratch, recipe.gate, recipe.bench.threads)
            examined = examine(prepared, intake, validator, workers, folder.scratch)
            for finding in examined.findings:
                progress.found(finding)
            runner = HopRunner(folder, workers, intake, validator, recipe, store, retries=request.remeasures)
            finished.runner = runner
            outcomes = run_hops(
                runner,
                prepared.hops,
                progress,
                examined.refusal,
                finished.records,
                partial(expect_checks, workers, prepared.targets),
            )
            bench = bench_of(prepared, intake, workers, folder, latencies_kept)
            if not examined.refusal:
                rescuer = rescuer_of(recipe, intake, runner, bench, workers, folder, progress)
                outcomes = rescue_hops(rescuer, outcomes, progress)
            progress.measuring()
            targets, budget = prepared.targets, recipe.budget
            outcomes = [with_start(each, targets, budget, bench) for each in outcomes]
            artifacts = [intake.artifact, *unique(each.artifact for each in outcomes if each.artifact)]
            latencies = bench.by_path(artifacts)
            profiles = profiles_of(request, intake, artifacts, bench, folder)
            records = [
                held(each, each.timed(latencies), targets, budget, runner, folder) for each in outcomes
            ]
            records = [
                with_profile(record, each.artifact, profiles)
                for record, each in zip(records, outcomes, strict=True)
            ]
            shipped = [one for one in artifacts if Path(one.path).exists()]
            every = [*shipped, *runner.rejected.values()]
            made = {artifact.variant: artifact for artifact in every}
            blamed = Blamed()
            if request.blame:
                blamed = blame_lowered(made, recipe.gate.masks, workers, folder)
            notes = (
                request.notes,
                run_notes(recipe, intake),
                examined.notes,
                deprecation_notes(prepared.hops, recipe),
                blamed.notes,
                damage_notes(known, latencies_kept),
            )
            report = build_report(
                intake,
                records,
                targets=targets,
                notes=tuple(chain.from_iterable(notes)),
                source_latency=latencies[intake.artifact.path],
                source_profile=profiles.get(intake.artifact.path),
                drift=blamed.drift,
                nonfinite=examined.nonfinite,
                started=started,
                sandbox=workers.sandbox,
            )
            keep_outputs(report, runner, validator, recipe, folder)
            write_run(report, every, folder)
            if not examined.refusal:
                leave_shipping(recipe, intake, validator, folder)
    progress.reported(report, folder.path)
    return report


def folder_of(request: RunRequest) -> Path:
    """Where a run writes."""
    return request.out or Path("build") / file_stem(request.model)


def take_all_in(prepared: Prepared, workers: Workers, folder: RunFolder) -> Intake:
    """The model's whole signature and the samples, split; what is to be folded into the artifacts."""
    intake = take_in(
        prepared.file,
        prepared.loader,
        prepared.early,
        samples_path(prepared.recipe),
        prepared.recipe.sampling,
        asked_of(prepared.recipe),
        needs_calibration=prepared.needs_calibration,
        workers=workers,
        scratch=folder.scratch,
    )
    fold = fold_of(intake) if prepared.recipe.sampling.fold_preprocessing else None
    return msgspec.structs.replace(intake, fold=fold)


def bench_of(
    prepared: Prepared, intake: Intake, workers: Workers, folder: RunFolder, kept: KeptLatencies | None
) -> Bench:
    """What measures the run's artifacts, all on the same sample."""
    sample = intake.samples.take(intake.split.validation[:1])
    return Bench(prepared.device, prepared.recipe.bench, sample, workers, folder.scratch, kept)


def profiles_of(
    request: RunRequest, intake: Intake, artifacts: list[Artifact], bench: Bench, folder: RunFolder
) -> dict[str, Profile]:
    """Profiles of the artifacts by their paths; none unless asked for."""
    return take_profiles(intake.artifact, artifacts, bench, folder) if request.profiles else {}


def damage_notes(known: KnownAnswers | None, latencies: KeptLatencies | None) -> tuple[str, ...]:
    """That outputs or latencies in the store were not what had been put there."""
    damaged = (known.damaged if known else 0) + (latencies.damaged if latencies else 0)
    return (f"{damaged} damaged in the store, outputs or latencies: measured again",) if damaged else ()


def run_notes(recipe: Recipe, intake: Intake) -> tuple[str, ...]:
    """What the reader of the report has to know of how it was asked for."""
    inputs = intake.samples.take(intake.split.validation)
    notes = [*intake.samples.notes, *mask_notes(recipe.gate.masks, intake.artifact.signature, inputs)]
    known = [name for name in intake.masks if recipe.gate.masks.get(name) == intake.masks[name]]
    if known:
        notes.append(f"judged where {intake.masks[known[0]]} is not 0: {', '.join(known)}")
    half = intake.artifact.half
    notes += [f"the source computes in {half}; what is made of it computes in float32"] if half else []
    notes += [fold_note(intake.fold)] if intake.fold else []
    notes += [NO_SANDBOX_NOTE] if recipe.limits.sandbox == "none" else []
    notes += [SYNTHETIC_NOTE] if intake.samples.origin == "synthetic" else []
    if intake.samples.origin == "synthetic" and intake.split.calibration:
        notes.append(RANDOM_NOTE)
    if Format.TFLITE in recipe.to:
        meant = default_variant(Format.TFLITE, has_samples=recipe.samples is not None)
        given = "samples were given" if recipe.samples else "no samples were given"
        notes.append(f"tflite means {meant} here, since {given}")
    return tuple(notes)
