"""Optional extras: which attempts at a hop can be made here, and the line that makes the others possible."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence

import msgspec

from convertkit.artifacts.formats import Precision
from convertkit.config.attempts import StageOptions
from convertkit.environment.interpreters import interpreter
from convertkit.environment.packages import install_line, installed
from convertkit.errors import MissingDependencyError
from convertkit.plan import Hop
from convertkit.registry import EXTRAS, ExtraRow, environment_row, extra_row


class ExtraState(msgspec.Struct, frozen=True):
    """An extra of the registry, as it is here.

    Attributes:
        version: None where it is not installed.
        fix: the exact line that installs it; empty where it is there.
    """

    name: str
    summary: str
    version: str | None
    fix: str = ""


def look_at_extras() -> tuple[ExtraState, ...]:
    """Every extra, without starting anything."""
    return tuple(look_at_extra(row) for row in EXTRAS)


def look_at_extra(row: ExtraRow) -> ExtraState:
    """One extra in its environment."""
    version = find_version(row)
    return ExtraState(row.name, row.summary, version, "" if version else install_extra(row))


def find_version(row: ExtraRow) -> str | None:
    """Its version; None where it is not installed, or where its environment does not answer."""
    python = interpreter(environment_row(row.environment))
    if python is None:
        return None
    try:
        return installed(python, (row.package,)).get(row.package)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def is_installed(row: ExtraRow) -> bool:
    """Whether its environment has the package."""
    return find_version(row) is not None


def install_extra(row: ExtraRow) -> str:
    """The exact line that installs it where it is needed."""
    python = interpreter(environment_row(row.environment))
    return install_line(str(python or sys.executable), [row.package], extra=row.name)


def require_extra(name: str, told: str) -> None:
    """Raise MissingDependencyError where an extra is not installed; `told` says what needs it."""
    row = extra_row(name)
    if not is_installed(row):
        raise MissingDependencyError(f"{told}, which needs {row.package}", hint=f"run: {install_extra(row)}")


def missing_extras(attempts: Iterable[StageOptions]) -> list[ExtraRow]:
    """Extras that some attempts need and that are not installed, each once."""
    rows = [extra_row(name) for name in dict.fromkeys(options.extra for options in attempts) if name]
    return [row for row in rows if not is_installed(row)]


def usable(attempts: Sequence[StageOptions]) -> tuple[StageOptions, ...]:
    """The attempts whose extras are installed."""
    missing = {row.name for row in missing_extras(attempts)}
    return tuple(attempt for attempt in attempts if attempt.extra not in missing)


def usable_attempts(
    hop: Hop, options: StageOptions, *, has_dynamic_axes: bool = True
) -> tuple[tuple[StageOptions, ...], tuple[str, ...]]:
    """The attempts that can be made, and a line about each extra that the others need.

    Raises:
        MissingDependencyError: none can be made.
    """
    precision: Precision = hop.target.precision
    attempts = options.attempts(precision=precision, has_dynamic_axes=has_dynamic_axes)
    missing = missing_extras(attempts)
    names = {row.name for row in missing}
    usable = tuple(attempt for attempt in attempts if attempt.extra not in names)
    if not usable:
        raise MissingDependencyError(
            f"{hop.stage.name}: {attempts[0].converter} is not installed",
            hint=f"run: {install_extra(missing[0])}",
        )
    return usable, tuple(
        f"{row.name} was not tried, since it is not installed: {install_extra(row)}" for row in missing
    )
