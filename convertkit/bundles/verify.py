"""A bundle checked on any machine: every byte, then the vectors on whatever runtimes are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.files import hash_artifact
from convertkit.artifacts.formats import Precision
from convertkit.artifacts.tensors import read_npz
from convertkit.bundles.container import changed, opened_bundle
from convertkit.bundles.manifest import BundledArtifact, Manifest
from convertkit.bundles.signing import check_signature
from convertkit.bundles.vectors import Infer, artifact_of, own_runtime, runtimes, signatures_of, variant_of
from convertkit.config.run_settings import GateOptions
from convertkit.environment.versions import package_versions
from convertkit.errors import (
    ConvertkitError,
    GateError,
    MissingDependencyError,
    NotMeasuredError,
    RefusedError,
    UsageError,
)
from convertkit.registry import FIELD_RUNTIME, RuntimeRow
from convertkit.report.report import SIGNATURE_FILE, ArtifactSignature, load_report
from convertkit.report.shipping import INPUTS, VECTORS
from convertkit.validation.gate import judge
from convertkit.validation.judgement import FieldCheck
from convertkit.validation.tolerance import tolerance_for
from convertkit.workers.process import Tell


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact run on the vectors by one runtime.

    Attributes:
        reason: why it failed or was skipped, one line; empty where it passed.
        sqnr_db: lowest of any output against what was recorded, decibels.
        max_abs_error: largest of any output against what was recorded.
    """

    variant: str
    path: str
    runtime: str
    status: Literal["passed", "failed", "skipped"]
    reason: str = ""
    sqnr_db: float | None = None
    max_abs_error: float | None = None


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a bundle whose bytes are all as they were made.

    Attributes:
        sha256: of the bundle's file.
        members: how many files were hashed.
        key: the public key whose signature it has; empty where none was asked for.
        versions: package → version that made the bundle, and the one here; what differs, and is there, only.
    """

    name: str
    sha256: str
    members: int
    checked: tuple[Checked, ...]
    versions: dict[str, tuple[str, str]]
    key: str = ""

    @property
    def exit_code(self) -> int:
        """0 where some artifact ran and all that did agree; 7 where one does not; 8 where none ran."""
        states = {each.status for each in self.checked}
        if "failed" in states:
            return GateError.exit_code
        return 0 if "passed" in states else NotMeasuredError.exit_code


def verify_bundle(
    path: Path,
    tell: Tell,
    *,
    sha256: str | None = None,
    key: Path | None = None,
    allow_code: bool = False,
    infer: Infer | None = None,
) -> Verification:
    """Hash every member, then run the vectors.

    Args:
        sha256: of the whole file, as whoever made it tells; None: it is not told.
        key: the public key that it has to be signed by; None: it need not be.
        infer: what runs artifacts; None: workers of their own.

    Raises:
        InputError: a byte was changed.
        ConvertkitError: it is no bundle.
    """
    with opened_bundle(path) as (home, manifest):
        found = hash_path(path)[0]
        if sha256 is not None and found != sha256.lower():
            raise changed(path, f"its SHA-256 is {found}, not {sha256}")
        if key is not None:
            check_signature(path, key)
        entries = checked_entries(path, home, manifest)
        if infer is not None:
            rows = run_all(home, manifest, entries, infer, allow_code=allow_code)
        else:
            with runtimes(tell) as own:
                rows = run_all(home, manifest, entries, own, allow_code=allow_code)
        return Verification(
            name=manifest.name,
            sha256=found,
            members=len(manifest.members),
            checked=rows,
            versions=differing(load_report(home).environment.packages),
            key=str(key or ""),
        )


def checked_entries(path: Path, home: Path, manifest: Manifest) -> dict[str, ArtifactSignature]:
    """The signatures by path; every artifact of the manifest has one, and is what report and manifest say."""
    report = load_report(home)
    reported = {hop.artifact.path: hop.artifact.sha256 for hop in report.hops if hop.artifact}
    try:
        entries = signatures_of(home / SIGNATURE_FILE)
        for artifact in manifest.artifacts:
            variant_of(artifact.variant)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise changed(path, f"its records cannot be read ({error})") from None
    for artifact in manifest.artifacts:
        if artifact.path not in entries or not is_inside(home, artifact):
            raise changed(path, f"its records do not tell of '{artifact.path}'")
        if not hash_artifact(home / artifact.path)[0] == artifact.sha256 == reported.get(artifact.path):
            raise changed(path, f"'{artifact.path}' is not the artifact that its report tells of")
    return entries


def is_inside(home: Path, artifact: BundledArtifact) -> bool:
    """True where the artifact and its vectors lie in the bundle's own folder."""
    paths = [artifact.path, artifact.vectors] if artifact.vectors else [artifact.path]
    inside = ((home / each).resolve() for each in paths)
    return all(each.is_relative_to(home.resolve()) and each.exists() for each in inside)


def run_all(
    home: Path,
    manifest: Manifest,
    entries: dict[str, ArtifactSignature],
    infer: Infer,
    *,
    allow_code: bool,
) -> tuple[Checked, ...]:
    """Every artifact on the vectors, by each runtime that loads its format."""
    checked = load_report(home).hops
    lost = {each.artifact.path for each in checked if each.artifact and is_lost(each.field_runtime)}
    return tuple(
        as_bundled(row) if row.path in lost and row.runtime == FIELD_RUNTIME.name else row
        for artifact in manifest.artifacts
        for row in run_one(home, artifact, entries[artifact.path], infer, allow_code=allow_code)
    )


def is_lost(field: FieldCheck | None) -> bool:
    """Whether the field runtime did not run an artifact, or gave something else, when it was made."""
    return field is not None and field.status == "failed"


def as_bundled(row: Checked) -> Checked:
    """What fails now as it did when the bundle was made says nothing of the bundle."""
    if row.status != "failed":
        return row
    reason = f"not when it was bundled either: {row.reason}"
    return msgspec.structs.replace(row, status="skipped", reason=reason)


def run_one(
    home: Path, bundled: BundledArtifact, entry: ArtifactSignature, infer: Infer, *, allow_code: bool
) -> Iterator[Checked]:
    """One artifact, by its runtime, and a `.tflite` by the field runtime too."""
    base = Checked(variant=bundled.variant, path=bundled.path, runtime="", status="skipped")
    if not bundled.vectors:
        yield msgspec.structs.replace(base, reason="no runtime ran it when the bundle was made")
        return
    try:
        artifact = artifact_of(entry, home, allow_code=allow_code)
    except (RefusedError, MissingDependencyError, UsageError) as error:
        yield msgspec.structs.replace(base, reason=error.message)
        return
    rows = [own_runtime(artifact)]
    rows += [FIELD_RUNTIME] if artifact.variant.format is FIELD_RUNTIME.format else []
    for row in rows:
        named = msgspec.structs.replace(base, runtime=row.name)
        yield compared(named, artifact, row, home, bundled.vectors, infer)


def compared(
    base: Checked, artifact: Artifact, row: RuntimeRow, home: Path, vectors: str, infer: Infer
) -> Checked:
    """What a runtime gives here beside what was recorded, by the gate's own tolerance of the precision."""
    try:
        outputs = infer(artifact, row, home / VECTORS / INPUTS)
    except MissingDependencyError as error:
        return msgspec.structs.replace(base, reason=error.message)
    except ConvertkitError as error:
        return msgspec.structs.replace(base, status="failed", reason=f"does not run: {error.message}")
    precision: Precision = artifact.variant.precision
    found = judge(read_npz(home / vectors), outputs, tolerance_for(precision, GateOptions()))
    return msgspec.structs.replace(
        base,
        status="passed" if found.is_passed else "failed",
        reason=found.reason,
        sqnr_db=found.lowest_sqnr_db,
        max_abs_error=max((each.max_abs_error for each in found.outputs), default=None),
    )


def differing(packages: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Packages that are here in another version than the one that made the bundle."""
    here = package_versions(packages)
    return {name: (made, here[name]) for name, made in packages.items() if here.get(name, made) != made}
