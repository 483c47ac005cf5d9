"""The run: source in, hops in order, each converted, validated and judged; then measured and reported."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Variant
from convertkit.attribution.blamer import Blamer
from convertkit.attribution.notes import blame_notes
from convertkit.calibration.activations import check_activations
from convertkit.calibration.evidence import weigh
from convertkit.calibration.finding import Finding, refuse
from convertkit.environment.torch_ao import deprecation_notes
from convertkit.errors import UsageError
from convertkit.hops.attempt import refused_record
from convertkit.hops.runner import HopRunner
from convertkit.measurement.rounds import Bench
from convertkit.plan import Hop, default_variant
from convertkit.recipe import Recipe
from convertkit.registry import parse_variant
from convertkit.report.report import HopRecord, Report
from convertkit.rescue.rescuer import Rescuer, Tools
from convertkit.rescue.suspects import rank_suspects
from convertkit.run.prepare import (
    Prepared,
    RunRequest,
    environments_of,
    file_stem,
    find_unfit,
    prepare,
    samples_path,
)
from convertkit.run.progress import Progress
from convertkit.run.publish import build_report, write_run
from convertkit.samples.intake import Intake, take_in
from convertkit.storage.run_folder import RunFolder
from convertkit.storage.store import Store
from convertkit.validation.source_finite import find_nonfinite
from convertkit.validation.validator import Validator, check_comparable
from convertkit.workers.pool import Workers

SYNTHETIC_NOTE = "no samples were given: the float gates used seeded synthetic inputs"
RANDOM_NOTE = "calibrated on random data, as asked for: the integer artifacts are not fit to ship"
RANKED_SAMPLES = 4  # of the calibration split: a rank is no figure, and every tensor of every sample is read


def run(request: RunRequest, progress: Progress) -> Report:
    """Do the whole run and write its folder.

    Raises:
        ConvertkitError: something is wrong with what was given; a hop that fails is in the report instead.
    """
    started = datetime.now(UTC)
    prepared = prepare(request)
    recipe = prepared.recipe
    with (
        RunFolder(request.out or Path("build") / file_stem(request.model)) as folder,
        Workers(folder.logs, recipe.limits, recipe.bench.threads) as workers,
    ):
        for environment in environments_of(prepared.file.format, prepared.hops):
            workers.start(environment)
        intake = take_all_in(prepared, workers, folder)
        check_labels(recipe, intake)
        progress.planned(prepared.hops)
        validator = Validator(workers, intake, folder.scratch, recipe.gate, recipe.bench.threads)
        nonfinite = find_nonfinite(
            validator.source_outputs, intake, workers, folder.scratch, recipe.gate, recipe.bench.threads
        )
        refusal = nonfinite.reason if nonfinite is not None and not nonfinite.is_accepted else ""
        if not refusal:
            check_comparable(validator.source_outputs)
        findings = () if refusal else judge_samples(prepared, intake, validator)
        if prepared.needs_calibration and not refusal:
            findings += check_activations(intake, workers, folder.scratch, recipe.bench.threads)
        for finding in findings:
            progress.found(finding)
        store = Store.default() if request.use_cache else None
        runner = HopRunner(folder, workers, intake, validator, recipe, store)
        records = [run_hop(runner, hop, progress, refusal) for hop in prepared.hops]
        shipped = [runner.artifact_of(hop.target) for hop in prepared.hops]
        bench = bench_of(prepared, intake, workers, folder)
        rescuer = None
        if not refusal:
            rescuer = rescuer_of(recipe, intake, runner, bench, workers, folder, progress)
        if rescuer is not None:
            rescue_hops(rescuer, prepared.hops, records, shipped, progress)
        progress.measuring()
        artifacts = [intake.artifact, *unique(filter(None, shipped))]
        latencies = bench.by_path(artifacts)
        every = [*artifacts, *runner.rejected.values()]
        blames = blame_notes({a.variant: a for a in every}, workers, folder) if request.blame else ()
        report = build_report(
            intake,
            [
                msgspec.structs.replace(record, latency=latencies[made.path] if made is not None else ())
                for made, record in zip(shipped, records, strict=True)
            ],
            targets=prepared.targets,
            notes=(
                *run_notes(recipe, intake),
                *([nonfinite.note] if nonfinite is not None else []),
                *deprecation_notes(prepared.hops, recipe),
                *(finding.note for finding in findings),
                *blames,
            ),
            source_latency=latencies[intake.artifact.path],
            nonfinite=nonfinite,
            started=started,
        )
        write_run(report, every, folder)
    progress.reported(report, folder.path)
    return report


def take_all_in(prepared: Prepared, workers: Workers, folder: RunFolder) -> Intake:
    """The model's whole signature and the samples, split."""
    return take_in(
        prepared.file,
        prepared.loader,
        prepared.early,
        samples_path(prepared.recipe),
        prepared.recipe.sampling,
        needs_calibration=prepared.needs_calibration,
        workers=workers,
        scratch=folder.scratch,
    )


def check_labels(recipe: Recipe, intake: Intake) -> None:
    """Raise UsageError where the budget is one of accuracy, and no label tells what is accurate."""
    if (
        recipe.budget is not None
        and recipe.budget.accuracy_drop is not None
        and intake.samples.labels is None
    ):
        raise UsageError(
            "budget.accuracy_drop needs labels", hint="add an array 'labels' to the samples, or set sqnr_db"
        )


def judge_samples(prepared: Prepared, intake: Intake, validator: Validator) -> tuple[Finding, ...]:
    """What is said of the samples that calibrate, by themselves and by the source model.

    Raises:
        SamplesError: they are unfit to calibrate with.
    """
    if not prepared.needs_calibration:
        return ()
    findings = prepared.findings
    if findings is None:
        findings = find_unfit(intake.samples, prepared.recipe)
    findings = weigh(findings, validator, intake, prepared.recipe.sampling)
    refuse(findings)
    return findings


def bench_of(prepared: Prepared, intake: Intake, workers: Workers, folder: RunFolder) -> Bench:
    """What measures the run's artifacts, all on the same sample."""
    sample = intake.samples.take(intake.split.validation[:1])
    return Bench(prepared.device, prepared.recipe.bench, sample, workers, folder.scratch)


def rescuer_of(
    recipe: Recipe,
    intake: Intake,
    runner: HopRunner,
    bench: Bench,
    workers: Workers,
    folder: RunFolder,
    progress: Progress,
) -> Rescuer | None:
    """What searches in place of hops that fail; None where nothing was asked to be rescued."""
    if recipe.budget is None or runner.calibration is None:
        return None
    onnx = runner.artifact_of(Variant(Format.ONNX))
    artifacts = {} if onnx is None else {onnx.variant: onnx}
    blamer = Blamer(artifacts, runner.calibration, workers, folder.scratch, RANKED_SAMPLES)
    tools = Tools(bench.on_cpu, partial(rank_suspects, blamer), progress)
    return Rescuer(runner, intake, folder, recipe.gate, recipe.budget, tools)


def rescue_hops(
    rescuer: Rescuer,
    hops: list[Hop],
    records: list[HopRecord],
    shipped: list[Artifact | None],
    progress: Progress,
) -> None:
    """Put what a rescue made, and its record, in the place of every hop that failed."""
    for number, hop in enumerate(hops):
        fault = rescuer.fault(hop, records[number])
        if fault:
            records[number], shipped[number] = rescuer.rescue(hop, records[number], fault)
            target = parse_variant(records[number].target)
            progress.finished(msgspec.structs.replace(hop, target=target), records[number])


def unique(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """Each artifact once: a rescue may ship what was asked for in its own right."""
    return list({artifact.path: artifact for artifact in artifacts}.values())


def run_hop(runner: HopRunner, hop: Hop, progress: Progress, refusal: str) -> HopRecord:
    """One hop, announced before and after; one that failed, where there is a reason to refuse the source."""
    progress.started(hop)
    record = refused_record(hop, refusal) if refusal else runner.run(hop)
    progress.finished(hop, record)
    return record


def run_notes(recipe: Recipe, intake: Intake) -> tuple[str, ...]:
    """What the reader of the report has to know of how it was asked for."""
    notes = [SYNTHETIC_NOTE] if intake.samples.origin == "synthetic" else []
    if intake.samples.origin == "synthetic" and intake.split.calibration:
        notes.append(RANDOM_NOTE)
    if Format.TFLITE in recipe.to:
        meant = default_variant(Format.TFLITE, has_samples=recipe.samples is not None)
        given = "samples were given" if recipe.samples else "no samples were given"
        notes.append(f"tflite means {meant} here, since {given}")
    return tuple(notes)
