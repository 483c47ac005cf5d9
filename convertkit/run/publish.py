"""The report of a run, built from its parts and written into its folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

import convertkit
from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.formats import Variant
from convertkit.environment.versions import environment_record
from convertkit.hops.runner import HopRunner
from convertkit.measurement.latency import Latency
from convertkit.measurement.profile import Profile
from convertkit.recipe import Recipe
from convertkit.registry import parse_variant
from convertkit.render import render
from convertkit.report.drift import Drift
from convertkit.report.report import (
    FILE_NAME,
    SIGNATURE_FILE,
    ArtifactSignature,
    HopRecord,
    Report,
    SamplesRecord,
    SourceRecord,
    Status,
    write_json,
    write_whole,
)
from convertkit.report.shipping import remove_shipping
from convertkit.report.versus import with_versus
from convertkit.samples.intake import Intake
from convertkit.storage.run_folder import OUTPUTS, RunFolder
from convertkit.validation.kept import write_kept
from convertkit.validation.source_finite import NonfiniteSource
from convertkit.validation.validator import Validator

RENDERED_FILES = {"report.md": "markdown", "report.html": "html", "junit.xml": "junit"}


def build_report(
    intake: Intake,
    records: Sequence[HopRecord],
    *,
    targets: Sequence[Variant],
    notes: tuple[str, ...],
    source_latency: tuple[Latency, ...],
    nonfinite: NonfiniteSource | None,
    started: datetime,
    sandbox: str,
    source_profile: Profile | None = None,
    drift: tuple[Drift, ...] = (),
) -> Report:
    """The report of a run; its status is that of the first hop that did not pass."""
    file, signature, samples = intake.file, intake.artifact.signature, intake.samples
    passed: Status = "passed"
    return Report(
        convertkit=convertkit.__version__,
        status=next((record.status for record in records if record.status != passed), passed),
        targets=tuple(str(target) for target in targets),
        started=started.isoformat(timespec="seconds"),
        seconds=(datetime.now(UTC) - started).total_seconds(),
        source=SourceRecord(
            path=file.path,
            format=str(file.format),
            kind=str(file.kind),
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            inputs=signature.inputs,
            outputs=signature.outputs,
            nonfinite=nonfinite,
            half=intake.artifact.half,
            loader=recorded(intake.artifact.loader),
            weights_bytes=intake.weights_bytes,
            masks=dict(intake.masks),
        ),
        samples=SamplesRecord(
            origin=samples.origin,
            sha256=samples.sha256,
            count=samples.count,
            calibration=len(intake.split.calibration),
            validation=len(intake.split.validation),
            calibration_sha256=samples.calibration_sha256,
        ),
        hops=with_versus(records, source_latency),
        source_latency=source_latency,
        source_profile=source_profile,
        drift=drift,
        notes=notes,
        sandbox=sandbox,
        environment=environment_record(),
    )


def recorded(loader: Loader | None) -> Loader | None:
    """How the source was opened, without the folder of this machine that it was opened from."""
    return None if loader is None else msgspec.structs.replace(loader, search_path=None)


def signature_entry(artifact: Artifact, path: str) -> ArtifactSignature:
    """The entry of an artifact, under its path within the run's folder."""
    signature = artifact.signature
    return ArtifactSignature(
        path=path, variant=str(artifact.variant), inputs=signature.inputs, outputs=signature.outputs
    )


def write_run(report: Report, artifacts: list[Artifact], folder: RunFolder) -> None:
    """Write `report.*` and `signature.json`; the first artifact is the source, rejected ones are the last.

    Vectors, labels and the like of an earlier run go: a run that was ended before it wrote its own has none.
    """
    remove_shipping(folder.path)
    source, *made = artifacts
    entries = [signature_entry(source, report.source.path)]
    entries += [signature_entry(artifact, folder.relative(artifact.path)) for artifact in made]
    write_json(entries, folder.path / SIGNATURE_FILE)
    write_json(report, folder.path / FILE_NAME)
    for name, form in RENDERED_FILES.items():
        write_whole(render(report, form).encode(), folder.path / name)


def keep_outputs(
    report: Report, runner: HopRunner, validator: Validator, recipe: Recipe, folder: RunFolder
) -> None:
    """Write the outputs of every artifact that was judged, as far as `limits.outputs_bytes` allows."""
    limit = recipe.limits.outputs_bytes
    variants = {name for hop in report.hops for name in (hop.target, hop.wanted)}
    made = {name: next(iter(runner.made_for(parse_variant(name))), None) for name in sorted(variants)}
    outputs = {name: one.judgement.outputs for name, one in made.items() if one and one.judgement.outputs}
    if limit and outputs:
        write_kept(validator.kept(outputs, recipe.budget).first(limit), folder.own(OUTPUTS))
