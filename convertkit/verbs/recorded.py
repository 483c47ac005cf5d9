"""What a run left in its folder, for the verbs that take it up again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from convertkit.artifacts.signature import Signature
from convertkit.errors import UsageError
from convertkit.recipe import Recipe
from convertkit.report.report import FILE_NAME, SIGNATURE_FILE, ArtifactSignature, load_report
from convertkit.sources import inspect_source


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
        raise UsageError(
            f"no artifact of the run in {run} passed", hint=f"convertkit report {shlex.quote(str(run))}"
        )
    return found


def with_runs_opened(paths: Iterable[Path]) -> Iterator[Path]:
    """The paths, each folder of a run replaced by the artifacts that it ships."""
    for path in paths:
        yield from shipped(path) if is_run(path) else [path]


def recorded_source(run: Path) -> Path:
    """The model that a run converted, where it lies still, byte for byte.

    Raises:
        UsageError: it is not there, or another one.
    """
    source, hint = load_report(run).source, f"name it: convertkit validate MODEL {shlex.quote(str(run))}"
    path = Path(source.path)
    if not path.exists():
        raise UsageError(f"the source of the run, {path}, is not there", hint=hint)
    if inspect_source(path).sha256 != source.sha256:
        raise UsageError(f"{path} is not the model any more that the run converted", hint=hint)
    return path


def as_recorded(run: Path, recipe: Recipe) -> Recipe:
    """The recipe with the names that the run gave to the outputs.

    Raises:
        UsageError: the run was judged by samples, and there are none.
    """
    report = load_report(run)
    if recipe.samples is None and report.samples.origin != "synthetic":
        raise UsageError(
            f"the run was judged by {report.samples.validation} samples that it does not hold",
            hint="give them: --samples FILE",
        )
    names = tuple(spec.name for spec in report.source.outputs)
    return recipe if recipe.output_names else msgspec.structs.replace(recipe, output_names=names)
