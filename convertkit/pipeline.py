"""The run: source in, hops in order, each converted, validated and judged; then measured and reported."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from convertkit.calibration import check_calibration
from convertkit.devices import check_device
from convertkit.errors import UsageError
from convertkit.evidence import undecided, weigh
from convertkit.finding import Finding, refuse
from convertkit.folder import RunFolder
from convertkit.formats import Format, Variant, parse_variant
from convertkit.hops import HopRunner
from convertkit.intake import Intake, read_early, source_loader, take_in
from convertkit.isolate import Workers
from convertkit.measure import measure
from convertkit.plan import Hop, default_variant, plan
from convertkit.publish import build_report, write_run
from convertkit.recipe import Recipe
from convertkit.registry import runtime_row
from convertkit.report import HopRecord, Report
from convertkit.samples import Samples, split_samples
from convertkit.sources import check_trusted, inspect_source
from convertkit.store import Store
from convertkit.validator import Validator

SYNTHETIC_NOTE = "no samples were given: the float gates used seeded synthetic inputs"
RANDOM_NOTE = "calibrated on random data, as asked for: the integer artifacts are not fit to ship"


class Progress(Protocol):
    """Who is told how the run goes on."""

    def planned(self, hops: list[Hop]) -> None:
        """These hops will run."""

    def found(self, finding: Finding) -> None:
        """The calibration samples are not as they should be, and the run goes on."""

    def started(self, hop: Hop) -> None:
        """This hop is being worked on."""

    def finished(self, hop: Hop, record: HopRecord) -> None:
        """This hop is done, well or not; latency is not known yet."""

    def measuring(self) -> None:
        """All hops are done; latencies are being measured."""

    def reported(self, report: Report, folder: Path) -> None:
        """The run is over, and the report is written."""


class Silent:
    """Progress that nobody watches."""

    def planned(self, hops: list[Hop]) -> None:
        """Say nothing."""

    def found(self, finding: Finding) -> None:
        """Say nothing."""

    def started(self, hop: Hop) -> None:
        """Say nothing."""

    def finished(self, hop: Hop, record: HopRecord) -> None:
        """Say nothing."""

    def measuring(self) -> None:
        """Say nothing."""

    def reported(self, report: Report, folder: Path) -> None:
        """Say nothing."""


class RunRequest(msgspec.Struct, frozen=True):
    """One run.

    Attributes:
        out: the run's folder; None: `build/<model>`.
    """

    model: Path
    recipe: Recipe
    out: Path | None = None
    allow_code: bool = False
    use_cache: bool = True


def run(request: RunRequest, progress: Progress) -> Report:
    """Do the whole run and write its folder.

    Raises:
        ConvertkitError: something is wrong with what was given; a hop that fails is in the report instead.
    """
    started = datetime.now(UTC)
    recipe = request.recipe
    targets = target_variants(recipe)
    device = check_device(recipe.device)
    samples_path = Path(recipe.samples) if recipe.samples else None
    check_samples_given(targets, recipe)
    file = inspect_source(request.model)
    check_trusted(file, allow_code=request.allow_code)
    hops = plan(Variant(file.format), targets)
    loader = source_loader(file, recipe.factory)
    needs_calibration = any(hop.target.precision.needs_calibration for hop in hops)
    early = read_early(
        file, recipe.inputs, samples_path, recipe.sampling, needs_calibration=needs_calibration
    )
    findings = None
    if needs_calibration and early[0] is not None:
        findings = find_unfit(early[0], recipe)
    threads = recipe.bench.threads
    with (
        RunFolder(request.out or Path("build") / file_stem(request.model)) as folder,
        Workers(folder.logs, recipe.limits, threads) as workers,
    ):
        for environment in environments_of(file.format, hops):
            workers.start(environment)
        intake = take_in(
            file,
            loader,
            early,
            samples_path,
            recipe.sampling,
            needs_calibration=needs_calibration,
            workers=workers,
            scratch=folder.scratch,
        )
        progress.planned(hops)
        if findings is None:
            findings = find_unfit(intake.samples, recipe) if needs_calibration else ()
        validator = Validator(workers, intake, folder.scratch, recipe.gate, threads)
        findings = weigh(findings, validator, intake, recipe.sampling)
        refuse(findings)
        for finding in findings:
            progress.found(finding)
        store = Store.default() if request.use_cache else None
        runner = HopRunner(folder, workers, intake, validator, recipe, store)
        records = [run_hop(runner, hop, progress) for hop in hops]
        progress.measuring()
        artifacts = [intake.artifact, *(a for a in map(runner.artifact_of, hops) if a is not None)]
        rows = measure(
            artifacts,
            intake.samples.take(intake.split.validation[:1]),
            device,
            recipe.bench,
            workers,
            folder.scratch,
        )
        latencies = {artifact.variant: row for artifact, row in zip(artifacts, rows, strict=True)}
        records = [
            msgspec.structs.replace(record, latency=latencies.get(hop.target, ()))
            for hop, record in zip(hops, records, strict=True)
        ]
        report = build_report(
            intake,
            records,
            targets=targets,
            notes=(*run_notes(recipe, intake), *(finding.note for finding in findings)),
            source_latency=latencies[intake.artifact.variant],
            started=started,
        )
        write_run(report, artifacts, folder)
    progress.reported(report, folder.path)
    return report


def run_hop(runner: HopRunner, hop: Hop, progress: Progress) -> HopRecord:
    """One hop, announced before and after."""
    progress.started(hop)
    record = runner.run(hop)
    progress.finished(hop, record)
    return record


def file_stem(model: Path) -> str:
    """`mobilenet` for `mobilenet.pt2`; a generic name takes its folder's: `digits` for `digits/model.pt2`."""
    stem = model.name.partition(".")[0]
    return model.resolve().parent.name if stem == "model" else stem


def target_variants(recipe: Recipe) -> list[Variant]:
    """The variants a recipe asks for.

    Raises:
        UsageError: none, or an unknown one.
    """
    if not recipe.to:
        raise UsageError("nothing to convert to", hint="give --to VARIANT, for example --to tflite:int8")
    has_samples = recipe.samples is not None
    return [parse_variant(default_variant(target, has_samples=has_samples)) for target in recipe.to]


def check_samples_given(targets: list[Variant], recipe: Recipe) -> None:
    """Raise UsageError where a target has to be calibrated and there is nothing to calibrate it with."""
    if recipe.samples or recipe.sampling.synthetic_calibration:
        return
    for target in targets:
        if target.precision.needs_calibration:
            raise UsageError(f"{target} needs real samples to calibrate with", hint="give --samples FILE.npz")


def find_unfit(samples: Samples, recipe: Recipe) -> tuple[Finding, ...]:
    """What the calibration samples themselves tell.

    Raises:
        SamplesError: something is wrong with them whatever the model says.
    """
    split = split_samples(samples.count, recipe.sampling, needs_calibration=True)
    findings = check_calibration(samples, split, recipe.sampling)
    refuse(undecided(findings, samples))
    return findings


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


def environments_of(source: Format, hops: list[Hop]) -> list[str]:
    """Environments that a run will use, in the order of their first use."""
    names = [runtime_row(source).environment]
    for hop in hops:
        names += [hop.stage.environment, runtime_row(hop.target.format).environment]
    return list(dict.fromkeys(names))
