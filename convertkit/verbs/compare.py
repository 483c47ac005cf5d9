"""What has changed from one run, or one artifact, to another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from convertkit.bundles.container import is_bundle, opened_bundle
from convertkit.errors import UsageError
from convertkit.measurement.measured import Measured
from convertkit.recipe import Recipe
from convertkit.report.difference import Allowed, Change, Difference, Run, differ
from convertkit.report.report import SIGNATURE_FILE, ArtifactSignature, load_report
from convertkit.validation.judgement import Judgement
from convertkit.verbs.bench import bench_artifacts
from convertkit.verbs.recorded import is_run
from convertkit.verbs.validate import validate_artifacts

GIVE = "give two runs (their -o folders, report.json, or bundles), or two artifacts"


def compare_any(
    before: Path, after: Path, recipe: Recipe, allowed: Allowed, *, allow_code: bool = False
) -> Difference:
    """The difference of two runs or bundles by their reports alone; of two artifacts by running both.

    Raises:
        UsageError: one is not there, or one is a run and the other is none.
        ConvertkitError: either cannot be used.
    """
    for path in (before, after):
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder", hint=GIVE)
    kinds = [is_run(path) or path.name.endswith(".json") or is_bundle(path) for path in (before, after)]
    if kinds[0] != kinds[1]:
        artifact = after if kinds[0] else before
        raise UsageError(f"{artifact} is no run, and the other one is", hint=GIVE)
    if kinds[0]:
        return differ(recorded_run(before), recorded_run(after), allowed)
    judgement = validate_artifacts(before, after, recipe, allow_code=allow_code)
    measured = bench_artifacts([before, after], recipe, allow_code=allow_code)
    return Difference(tuple(changes(after.name, judgement, measured, allowed)), {})


def recorded_run(path: Path) -> Run:
    """The report of a run's folder or bundle, with the signatures that lie beside it."""
    if is_bundle(path):
        with opened_bundle(path) as (home, _):
            return recorded_run(home)
    report = load_report(path)
    file = (path if path.is_dir() else path.parent) / SIGNATURE_FILE
    try:
        entries = msgspec.json.decode(file.read_bytes(), type=list[ArtifactSignature])
    except (OSError, msgspec.MsgspecError):
        entries = []
    return Run(report, {entry.variant: entry for entry in entries})


def changes(name: str, judgement: Judgement, measured: list[Measured], allowed: Allowed) -> Iterator[Change]:
    """The figures of the second artifact beside the first one's."""
    one, other = measured
    yield Change(
        name, "size", one.size_bytes, other.size_bytes, other.size_bytes > one.size_bytes * (1 + allowed.size)
    )
    for before, after in zip(one.latency, other.latency, strict=False):
        for versus in after.versus:
            is_slower = versus.ci95[0] > 1 + allowed.latency
            yield Change(name, "latency", before.p50_ms, after.p50_ms, is_slower, versus.ci95, after.device)
    found = judgement.vs_source.lowest_sqnr_db if judgement.vs_source else None
    yield Change(name, "sqnr", None, found, bool(judgement.reason), detail=judgement.reason)
    if judgement.accuracy is not None:
        value, drop = judgement.accuracy.value, judgement.accuracy.drop
        yield Change(name, "accuracy", value + drop, value, drop > allowed.accuracy)
