"""What went wrong with a worker, as a typed error: an exit code, an answer, a sandbox that is not whole."""

from __future__ import annotations

import signal
from pathlib import Path

from convertkit.config.run_settings import LimitOptions
from convertkit.errors import (
    ConvertkitError,
    DiskFullError,
    MissingDependencyError,
    RunTimeoutError,
    StageError,
    WorkerCrashedError,
    WorkerError,
    WorkerExitedError,
    WorkerKilledError,
    WorkerLimitError,
    WorkerSilentError,
    error_class,
)
from convertkit.workers.answers import Answer, Failed
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


def disk_full(folder: Path) -> DiskFullError:
    """The error of a disk without space."""
    return DiskFullError(f"no space on {folder}", hint="free some, or choose another folder with -o")


def run_timeout(limits: LimitOptions) -> RunTimeoutError:
    """The error of a run that took too long."""
    return RunTimeoutError(
        f"the run took longer than {limits.run_seconds:g} s", hint="raise --timeout, or limits.run_seconds"
    )


def lost_twice(first: WorkerError, second: WorkerError, log: str) -> WorkerError:
    """The error of a job that two workers died of; that of the second, which says how the first ended."""
    if isinstance(second, WorkerLimitError):
        return second
    before = "twice in a row" if first.message == second.message else f"before it: {first.message}"
    return type(second)(f"{second.message}, {before}", hint=second.hint or f"see logs/{log}")


def expect(answer: Answer, kind: type[object]) -> None:
    """Raise StageError where a worker answered with another kind of message than the job asks for."""
    if not isinstance(answer, kind):
        raise StageError(f"the worker answered {type(answer).__name__}, not {kind.__name__}")
