"""What went wrong with a worker, as a typed error: an exit code, an answer, a sandbox that is not whole."""

from __future__ import annotations

import signal

from convertkit.errors import (
    ConvertkitError,
    MissingDependencyError,
    WorkerCrashedError,
    WorkerError,
    WorkerExitedError,
    WorkerKilledError,
    WorkerSilentError,
    error_class,
)
from convertkit.workers.answers import Failed
from convertkit.workers.confinement import FULL

CRASHES = frozenset(
    getattr(signal, name)
    for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS")
    if hasattr(signal, name)
)
"""Signals that a program gives rise to itself; all others come from outside."""


def ended_with(code: int) -> WorkerError:
    """The error of a process that ended without an answer; a negative code is the signal that ended it."""
    if code < 0 and -code in CRASHES:
        return WorkerCrashedError(f"the worker crashed ({signal.Signals(-code).name})")
    if code < 0:
        likely = ", most likely out of memory" if -code == signal.SIGKILL else ""
        return WorkerKilledError(f"the worker was killed ({signal.Signals(-code).name}){likely}")
    if code > 0:
        return WorkerExitedError(f"the worker exited with code {code} before it answered")
    return WorkerSilentError("the worker exited 0 without an answer")


def check_whole(sandbox: tuple[str, ...]) -> None:
    """Raise MissingDependencyError where the system did not grant a part of the sandbox."""
    missing = [part for part in FULL if part not in sandbox]
    if missing:
        raise MissingDependencyError(
            f"the sandbox is not to be had here, it lacks: {', '.join(missing)}",
            hint="run: convertkit doctor",
        )


def failed_error(answer: Failed) -> ConvertkitError:
    """The typed error that a `Failed` answer stands for."""
    return error_class(answer.error)(answer.message, hint=answer.hint)
