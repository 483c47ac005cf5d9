"""What a run left in its folder, for the verbs that take it up again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from convertkit.artifacts.signature import Signature
from convertkit.errors import UsageError
from convertkit.report.report import FILE_NAME, SIGNATURE_FILE, ArtifactSignature, load_report


def recorded_signature(path: Path) -> Signature | None:
    """The signature that a run recorded beside its artifact; None where there is no record."""
    record = path.resolve().parent / SIGNATURE_FILE
    try:
        entries = msgspec.json.decode(record.read_bytes(), type=list[ArtifactSignature])
    except (OSError, msgspec.MsgspecError):
        return None
    for entry in entries:
        if entry.path == path.name:
            return Signature(entry.inputs, entry.outputs)
    return None


def is_run(path: Path) -> bool:
    """True for the folder of a run."""
    return (path / FILE_NAME).is_file()


def shipped(run: Path) -> list[Path]:
    """The artifacts of a run that passed, in the order of its hops.

    Raises:
        UsageError: none passed.
    """
    hops = load_report(run).hops
    found = [run / hop.artifact.path for hop in hops if hop.artifact and hop.status == "passed"]
    if not found:
        raise UsageError(f"no artifact of the run in {run} passed", hint=f"convertkit report {run}")
    return found


def with_runs_opened(paths: Iterable[Path]) -> Iterator[Path]:
    """The paths, each folder of a run replaced by the artifacts that it ships."""
    for path in paths:
        yield from shipped(path) if is_run(path) else [path]
