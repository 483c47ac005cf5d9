"""A kit in a folder of its own: written beside it and brought there in one step."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from convertkit.artifacts.formats import Format
from convertkit.bundles.vectors import Infer
from convertkit.errors import UsageError, did_you_mean
from convertkit.kits.app import APP_KITS, write_app_kit
from convertkit.kits.server import SERVER_KITS, write_server_kit
from convertkit.kits.subject import Subject, opened_subject
from convertkit.workers.process import Tell


def write_kit(
    path: Path,
    kind: str,
    out: Path,
    tell: Tell,
    *,
    only: str | None = None,
    labels: Path | None = None,
    name: str | None = None,
    version: int = 1,
    infer: Infer | None = None,
) -> Subject:
    """Write a kit of one kind, of the app's side or the server's; what it was made of.

    Args:
        path: a run's folder, or a bundle.
        out: a folder that is not there, or is empty.
        only, labels, name: as `opened_subject` has them.
        version: of the model, for servers.

    Raises:
        UsageError: an unknown kind, or a folder that holds something.
        ConvertkitError: there is nothing that the kit could be made of.
    """
    kinds: dict[str, tuple[Format, ...]] = {name: kit.formats for name, kit in APP_KITS.items()}
    kinds |= {name: kit.formats for name, kit in SERVER_KITS.items()}
    if kind not in kinds:
        raise UsageError(f"unknown kit '{kind}'", hint=did_you_mean(kind, kinds))
    check_free(out)
    with opened_subject(path, kinds[kind], only, labels, name, tell, infer) as subject:
        if labels is not None and subject.labelled is None:
            count = len(subject.labels)
            raise UsageError(f"{labels} has {count} labels, and no output has {count} entries a row")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
        except OSError as error:
            raise UsageError(f"cannot write to {out}: {error.strerror}") from None
        try:
            fill(kind, subject, made, version)
            made.chmod(0o755)
            if out.exists():
                out.rmdir()
            made.replace(out)
        except OSError as error:
            raise UsageError(f"cannot write to {out}: {error.strerror}") from None
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return subject


def check_free(out: Path) -> None:
    """Raise UsageError where a folder holds something: a kit replaces nothing that it has not made."""
    if out.exists() and (not out.is_dir() or os.listdir(out)):
        raise UsageError(f"{out} is not empty", hint="name a new folder with -o")


def fill(kind: str, subject: Subject, made: Path, version: int) -> None:
    """Write the files of a kit."""
    if kind in APP_KITS:
        write_app_kit(kind, subject, made)
    else:
        write_server_kit(kind, subject, made, version)
