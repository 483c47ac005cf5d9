"""Every deliberate error: its exit code, its one line, its hint. Imports nothing of convertkit."""

from __future__ import annotations

import difflib
import errno
import signal
from collections.abc import Iterable

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class ConvertkitError(Exception):
    """An error that a user can act on: one line that says what is wrong, and a hint that says what to do.

    Attributes:
        exit_code: the process exit code of the command line (docs/exit-codes.md).
        message: one line, no trailing full stop needed.
        hint: one line, empty when the message says it all.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(ConvertkitError):
    """An unknown variant, recipe, key or option; something needed that was not given."""

    exit_code = 2


class NoRouteError(ConvertkitError):
    """No chain of stages leads from the source to the variant that was asked for."""

    exit_code = 3


class MissingDependencyError(ConvertkitError):
    """A package or an environment that a stage or runtime needs is not installed."""

    exit_code = 4


class StageError(ConvertkitError):
    """A stage ran and failed, or its worker did."""

    exit_code = 5


class CalledExitError(StageError):
    """The code of a stage called exit; its worker lived on and said so."""


class DiskFullError(StageError):
    """There was no space for a file: this says nothing of what was being done."""


class RunTimeoutError(StageError):
    """The whole run passed its limit."""


class Ended(BaseException):
    """A run cannot go on, whatever it was doing: no handler of errors may take this for an answer.

    Attributes:
        error: what the user is told.
    """

    def __init__(self, error: ConvertkitError) -> None:
        super().__init__(error.message)
        self.error = error


class Stopped(KeyboardInterrupt):
    """A signal asked the process to end.

    Attributes:
        name: of the signal: `SIGTERM`.
        exit_code: 128 and the signal's number, as shells have it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.name = signal.Signals(number).name
        self.exit_code = 128 + number


class WorkerError(StageError):
    """The worker process ended, or was ended, before it answered: this says nothing of what it was asked."""


class WorkerCrashedError(WorkerError):
    """The worker was ended by a signal of its own making (segmentation fault, abort)."""


class WorkerKilledError(WorkerError):
    """The worker was ended from outside; by SIGKILL most likely by the system's out-of-memory killer."""


class WorkerExitedError(WorkerError):
    """The worker exited with a code other than 0."""


class WorkerSilentError(WorkerError):
    """The worker exited 0 without an answer."""


class WorkerLimitError(WorkerError):
    """The job passed a limit of the recipe: a fresh worker would pass it again."""


class WorkerTimeoutError(WorkerLimitError):
    """The job passed its wall-clock limit and its process group was killed."""


class WorkerMemoryError(WorkerLimitError):
    """The job passed its memory limit, or no more memory was given to it."""


OWN_DEATHS = (WorkerCrashedError, WorkerExitedError)


def is_worker_lost(error: BaseException | None) -> bool:
    """True where a worker was killed, fell silent, or passed a limit: nothing follows from that."""
    return isinstance(error, WorkerError) and not isinstance(error, OWN_DEATHS)


def pass_on_lost(error: ConvertkitError) -> None:
    """Raise an error again that says nothing of what was asked, because its worker was lost."""
    if is_worker_lost(error):
        raise error


class InputError(ConvertkitError):
    """The model file or the samples cannot be used."""

    exit_code = 6


class ModelFileError(InputError):
    """The model file is missing, broken, or not a model."""


class RefusedError(InputError):
    """The model file is, or may be, a program; it was not loaded."""


class SamplesError(InputError):
    """The samples do not fit the model, or hold values that no model can be judged by."""


class GateError(ConvertkitError):
    """An artifact's outputs are not the source's."""

    exit_code = 7


class NotMeasuredError(ConvertkitError):
    """Something that was asked for could not be checked or measured."""

    exit_code = 8


def error_class(name: str) -> type[ConvertkitError]:
    """The error class of that name; `StageError` for a name that is not one of ours."""
    found = globals().get(name)
    if isinstance(found, type) and issubclass(found, ConvertkitError):
        return found
    return StageError


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt word: `did you mean 'tflite'?`, or the list of what is known."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return "known: " + ", ".join(names)
