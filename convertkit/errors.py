"""Every deliberate error: its exit code, its one line, its hint. Imports nothing of convertkit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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


class WorkerError(StageError):
    """The worker process ended, or was ended, before it answered."""


class WorkerCrashedError(WorkerError):
    """The worker was ended by a signal of its own making (segmentation fault, abort)."""


class WorkerExitedError(WorkerError):
    """The worker's code called exit with a code other than 0."""


class WorkerSilentError(WorkerError):
    """The worker exited 0 without an answer."""


class WorkerTimeoutError(WorkerError):
    """The job passed its wall-clock limit and its process group was killed."""


class WorkerMemoryError(WorkerError):
    """The job passed its memory limit, or the system's out-of-memory killer ended it."""


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


def first_line(error: BaseException) -> str:
    """The first line of an error's text that says something."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
