"""A run's folder as a bundle: what ships, its vectors, report, recipe, lock and card."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

import convertkit
from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.files import copy_artifact, hash_artifact
from convertkit.artifacts.tensors import write_npz
from convertkit.bundles.card import card_text
from convertkit.bundles.container import write_container
from convertkit.bundles.manifest import CARD, LOCK, MANIFEST, SUFFIX, BundledArtifact, Manifest, Member
from convertkit.bundles.shipped import shipped_hops
from convertkit.bundles.vectors import Infer, artifact_of, own_runtime, runtimes, signatures_of
from convertkit.errors import InputError, MissingDependencyError, RefusedError, UsageError
from convertkit.report.report import (
    FILE_NAME,
    SIGNATURE_FILE,
    ArtifactSignature,
    HopRecord,
    Report,
    load_report,
    write_json,
    write_whole,
)
from convertkit.report.shipping import (
    INPUTS,
    LABELS_FILE,
    PREPROCESSING_FILE,
    RECIPE_FILE,
    SOURCE,
    VECTORS,
    read_labels,
)
from convertkit.storage.temporary import temporary_folder
from convertkit.workers.process import Tell

AS_THEY_ARE = (RECIPE_FILE, PREPROCESSING_FILE, f"{VECTORS}/{INPUTS}", f"{VECTORS}/{SOURCE}")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle is to hold.

    Attributes:
        only: variants; empty: all that the run ships.
        labels: file of class names, one a line; None: those that the run has.
        license: of the model.
        allow_code: run artifacts that are programs, for their vectors.
    """

    only: tuple[str, ...] = ()
    labels: Path | None = None
    license: str = ""
    allow_code: bool = False


def build_bundle(
    run: Path, out: Path, wanted: Wanted, tell: Tell, infer: Infer | None = None
) -> tuple[Manifest, str]:
    """Write a bundle in one step; its manifest and SHA-256.

    Args:
        infer: what runs artifacts; None: workers of their own.

    Raises:
        ConvertkitError: the run ships nothing, its artifacts are not those of its report, or the bundle
            cannot be written.
    """
    if out.is_dir():
        raise UsageError(f"cannot write {out}: it is a folder", hint="name a file with -o")
    report = load_report(run)
    hops = shipped_hops(report, run, wanted.only)
    entries = read_signatures(run)
    with ExitStack() as stack:
        home = stack.enter_context(temporary_folder())
        copy_parts(run, home, hops, wanted.labels)
        used = infer or stack.enter_context(runtimes(tell))
        artifacts = tuple(bundled(hop, entries, home, used, allow_code=wanted.allow_code) for hop in hops)
        write_records(home, report, hops, entries)
        name = out.name.removesuffix(SUFFIX)
        write_whole(card_text(name, wanted.license, report, hops, home).encode(), home / CARD)
        manifest = Manifest(
            convertkit=convertkit.__version__,
            name=name,
            license=wanted.license,
            artifacts=artifacts,
            members=members_of(home),
        )
        write_json(manifest, home / MANIFEST)
        return manifest, place(home, out)


def read_signatures(run: Path) -> dict[str, ArtifactSignature]:
    """The run's `signature.json`, by path.

    Raises:
        UsageError: there is none.
    """
    try:
        return signatures_of(run / SIGNATURE_FILE)
    except (OSError, msgspec.MsgspecError):
        raise UsageError(f"{run} has no {SIGNATURE_FILE} that can be read", hint="convert again") from None


def copy_parts(run: Path, home: Path, hops: Sequence[HopRecord], labels: Path | None) -> None:
    """Copy the artifacts and what the run left for those who ship it.

    Raises:
        UsageError: the run left no vectors, or the file of labels cannot be read.
        InputError: an artifact is not the one that was reported.
    """
    if not (run / VECTORS / INPUTS).is_file():
        raise UsageError(
            f"{run} has no vectors: the run was ended early, or is of an earlier version",
            hint="convert again",
        )
    for hop in hops:
        copy_checked(run, home, hop)
    (home / VECTORS).mkdir()
    for name in AS_THEY_ARE:
        if (run / name).is_file():
            shutil.copyfile(run / name, home / name)
    given = labels or (run / LABELS_FILE if (run / LABELS_FILE).is_file() else None)
    if given is not None:
        write_whole("".join(f"{label}\n" for label in labels_in(given)).encode(), home / LABELS_FILE)


def labels_in(path: Path) -> tuple[str, ...]:
    """Class names in a file, one a line.

    Raises:
        UsageError: it cannot be read, or holds none.
    """
    try:
        labels = read_labels(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"the labels in {path} cannot be read: {error}") from None
    if not any(labels):
        raise UsageError(f"{path} holds no label", hint="one class name a line, in the order of the scores")
    return labels


def copy_checked(run: Path, home: Path, hop: HopRecord) -> None:
    """Copy the artifact of a hop, which has to be the one that the report tells of."""
    assert hop.artifact is not None
    source = run / hop.artifact.path
    if not source.exists():
        raise InputError(f"{source} is not there any more", hint="convert again")
    if hash_artifact(source)[0] != hop.artifact.sha256:
        raise InputError(f"{source} is not the artifact that the run reported", hint="convert again")
    copy_artifact(source, home / hop.artifact.path)


def bundled(
    hop: HopRecord, entries: dict[str, ArtifactSignature], home: Path, infer: Infer, *, allow_code: bool
) -> BundledArtifact:
    """An artifact and its outputs on the vectors; none where it cannot be run here."""
    assert hop.artifact is not None
    path = hop.artifact.path
    name = f"{VECTORS}/{path}.npz"
    try:
        artifact = artifact_of(entries[path], home, allow_code=allow_code)
        outputs = infer(artifact, own_runtime(artifact), home / VECTORS / INPUTS)
    except (MissingDependencyError, RefusedError):
        name = ""
    except KeyError:
        raise UsageError(f"{SIGNATURE_FILE} says nothing of {path}", hint="convert again") from None
    else:
        write_npz(home / name, outputs)
    return BundledArtifact(variant=hop.target, path=path, sha256=hop.artifact.sha256, vectors=name)


def write_records(
    home: Path, report: Report, hops: Sequence[HopRecord], entries: dict[str, ArtifactSignature]
) -> None:
    """Write report, signatures and lock; of the source's path and its factory's only the names stay."""
    name = Path(report.source.path).name
    loader = report.source.loader
    if loader is not None and loader.factory:
        loader = msgspec.structs.replace(loader, factory=Path(loader.factory).name)
    source = msgspec.structs.replace(report.source, path=name, loader=loader)
    told = msgspec.structs.replace(report, source=source)
    write_json(told, home / FILE_NAME)
    kept = {hop.artifact.path for hop in hops if hop.artifact}
    of_source = [msgspec.structs.replace(entry, path=name) for path, entry in entries.items()
                 if path == report.source.path]  # fmt: skip
    write_json([*of_source, *(entries[path] for path in entries if path in kept)], home / SIGNATURE_FILE)
    write_whole(lock_text(report).encode(), home / LOCK)


def lock_text(report: Report) -> str:
    """The versions that made the artifacts, as pip takes them."""
    place = report.environment
    lines = [f"# convertkit {report.convertkit}, Python {place.python}"]
    lines += [f"{name}=={version.partition('+')[0]}" for name, version in sorted(place.packages.items())]
    return "\n".join(lines) + "\n"


def members_of(home: Path) -> dict[str, Member]:
    """Every file below a folder."""
    files = sorted(file for file in home.rglob("*") if file.is_file())
    return {file.relative_to(home).as_posix(): Member(*hash_path(file)) for file in files}


def place(home: Path, out: Path) -> str:
    """Write the bundle where it was asked for, in one step; its SHA-256.

    Raises:
        UsageError: it cannot be written.
    """
    members = {file.relative_to(home).as_posix(): file for file in home.rglob("*") if file.is_file()}
    partial = out.with_name(out.name + ".partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_container(members, partial)
        partial.replace(out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UsageError(
            f"cannot write {out}: {error.strerror}", hint="choose another file with -o"
        ) from None
    return hash_path(out)[0]
