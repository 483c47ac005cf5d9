"""A finding about calibration data: typed, one line, with a hint; what of it stops a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from convertkit.config.run_settings import CheckName
from convertkit.errors import SamplesError

Severity = Literal["error", "warning", "accepted"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong, or may be, with calibration data.

    Attributes:
        severity: an `error` stops a run that calibrates, a `warning` does not; `accepted` is an error that
            `sampling.accept` names, deliberately.
        input: name of the input it is about; empty where it is about the samples as a whole.
    """

    check: CheckName
    severity: Severity
    input: str
    message: str
    hint: str = ""

    @property
    def note(self) -> str:
        """The line of the report's notes."""
        prefix = "accepted by name" if self.severity == "accepted" else self.severity
        return f"calibration, {prefix} ({self.check}): {self.message}"


def accept(findings: Iterable[Finding], names: Iterable[CheckName]) -> tuple[Finding, ...]:
    """The findings, errors of the checks that are named turned down to `accepted`."""
    chosen = frozenset(names)
    return tuple(
        msgspec.structs.replace(finding, severity="accepted")
        if finding.severity == "error" and finding.check in chosen
        else finding
        for finding in findings
    )


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    """Those that stop a run."""
    return [finding for finding in findings if finding.severity == "error"]


def refuse(findings: Iterable[Finding]) -> None:
    """Raise SamplesError for the first error, naming the other checks that failed."""
    errors = errors_of(findings)
    if not errors:
        return
    first, *others = errors
    more = f" (also: {', '.join(dict.fromkeys(other.check for other in others))})" if others else ""
    meant = f"if it is meant: --set 'sampling.accept=[{','.join(dict.fromkeys(e.check for e in errors))}]'"
    raise SamplesError(first.message + more, hint="; ".join(filter(None, (first.hint, meant))))
