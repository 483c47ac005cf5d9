"""Every deliberate error: its exit code, its one line, its hint. Imports nothing of convertkit."""

from __future__ import annotations

import difflib
import errno
import re
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


def first_line(error: BaseException) -> str:
    """The line of an error's text that names its cause; the class where the text says nothing."""
    kind = type(error).__name__
    return cause_line(str(error)).removeprefix(f"{kind}: ") or kind


def caused(error: BaseException) -> str:
    """`ValueError: cannot reshape`: the class and the cause; ONNX Runtime goes by its own name."""
    kind = type(error).__name__
    if type(error).__module__.startswith("onnxruntime."):
        kind = "ONNX Runtime"
    line = cause_line(str(error)).removeprefix(f"{kind}: ")
    return f"{kind}: {line or 'no message'}"


def cause_line(text: str) -> str:
    """The line of a library's error text that names the cause, without locations; empty where none does.

    TensorFlow puts a heading and a stack before it, MLIR a location of any length, ONNX Runtime the name of a
    C++ function, LiteRT a source file before it and its node right behind it, PyTorch advice.
    """
    plain = ESCAPE.sub("", text)
    summary = SUMMARY.search(plain)
    if summary:
        return tidied(f"{summary['kind']}: {summary['line']}")
    mlir = needed_operators(plain) or MLIR_ERROR.search(plain)
    if mlir:
        return mlir if isinstance(mlir, str) else tidied(without_location(mlir["line"]))
    lines = [line.strip() for line in plain.splitlines() if line.strip() and not NOISE.match(line)]
    if not lines:
        return ""
    if TRACEBACK.match(plain):
        raised = [line for line in lines if RAISED.match(line)]
        return tidied(raised[-1] if raised else lines[-1])
    first = tidied(lines[0])
    is_open = first.endswith((":", "for the following indices")) and len(lines) > 1
    return f"{first} {tidied(lines[1])}" if is_open else first


def needed_operators(text: str) -> str:
    """What TensorFlow's converter sums up at the end of its list; empty where it does not."""
    found = NEEDED.findall(text)
    return f"the result needs operators that are not built in: {', '.join(found).strip()}" if found else ""


def without_location(line: str) -> str:
    """An MLIR message without the `loc(…)` before it, whose brackets nest."""
    if not line.startswith("loc("):
        return line
    depth = 0
    for place, letter in enumerate(line):
        depth += (letter == "(") - (letter == ")")
        if letter in "()" and depth == 0:
            return line[place + 1 :].lstrip(": ")
    return line


def tidied(line: str) -> str:
    """A message without what a user cannot act on: source files, codes, graph references."""
    for pattern, instead in REWRITES:
        line = pattern.sub(instead, line)
    return line.strip()


ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
SUMMARY = re.compile(r"## Exception summary\s+<class '(?:[\w.]*\.)?(?P<kind>\w+)'>: (?P<line>.+)")
MLIR_ERROR = re.compile(r"^.*?:\d+(?::\d+)?: error: (?P<line>.+)$", re.MULTILINE)
NEEDED = re.compile(r"^(?:TF Select|Flex|Custom) ops: (.+)$", re.MULTILINE)
TRACEBACK = re.compile(r"\s*(?:in user code:|.*\n?Traceback )")
RAISED = re.compile(r"^\w*(?:Error|Exception|Interrupt): ")
NOISE = re.compile(
    r"\s*(?:Graph execution error:$|Detected at node .* defined at|File \".*\", line \d+|<stack traces"
    r"|\d+ root error\(s\) found|\[\[\{\{|Exception encountered when calling "
    r"|The following operation failed in the TorchScript interpreter)"
)
REWRITES = (
    (re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : "), ""),
    (
        re.compile(
            r"^Non-zero status code returned while running (\w+) node\. Name:'([^']*)' Status Message: "
        ),
        r"\1 '\2': ",
    ),
    (re.compile(r"/onnxruntime_src/\S+:\d+ .*? was false\. "), ""),
    (re.compile(r"\[ShapeInferenceError\] Inference error\(s\): "), ""),
    (re.compile(r"^\(\d+\) [A-Z_]+: "), ""),
    (re.compile(r"^\{\{function_node [^}]*\}\} "), ""),
    (re.compile(r"\s*\[Op:\w+\](?: name:.*)?$"), ""),
    (re.compile(r" for '\{\{node .*$"), ""),
    (re.compile(r"\btensorflow/\S+\.cc:\d+ "), ""),
    (re.compile(r"(?<=[^\s.])\.?(Node number \d+ \(\w+\) failed to \w+)\.?$"), r" (\1)"),
)
