"""One job as a process of its own: started, watched, and gone with whoever started it. Linux alone."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time

import msgspec

from convertkit.workers.family import group_bytes

POLL_S = 0.2
SET_PDEATHSIG = 1  # PR_SET_PDEATHSIG of linux/prctl.h
GRACE_S = 10.0
LARGEST_MESSAGE = 2000


class Exit(msgspec.Struct, frozen=True):
    """How a process ended.

    Attributes:
        code: its exit code; minus the signal's number where one ended it.
        message: the last line that it wrote to stderr before its hint; empty where it wrote none.
        peak_bytes: largest resident memory of it and its descendants, looked at every 0.2 s.
    """

    code: int
    message: str
    seconds: float
    peak_bytes: int


def run_child(command: list[str], folder: str, output: str = os.devnull) -> Exit:
    """Run a command in a folder to its end; it is asked to end where this process dies, or is interrupted.

    Args:
        output: the file that takes what it prints.
    """
    started, peak = time.monotonic(), 0
    with tempfile.TemporaryFile() as errors, open(output, "wb") as printed:
        child = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=errors,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        try:
            while not ended(child):
                peak = max(peak, group_bytes(child.pid))
        finally:
            code = end(child)
        errors.seek(0)
        message = last_message(errors.read().decode("utf-8", "replace"))
    return Exit(code, message, time.monotonic() - started, peak)


def convertkit_command(words: list[str]) -> list[str]:
    """The command line that `convertkit` is called with, by this Python."""
    return [sys.executable, "-m", "convertkit", *words]


def end_with_parent() -> None:
    """In the child: have the kernel send SIGTERM where the parent dies, however it does."""
    ctypes.CDLL(None).prctl(SET_PDEATHSIG, signal.SIGTERM)


def ended(child: subprocess.Popen[bytes]) -> bool:
    """True where the child ends within a moment."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(POLL_S)
    return child.returncode is not None


def end(child: subprocess.Popen[bytes]) -> int:
    """The exit code of a child, which is asked to end, and then made to, where it has not."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    return child.wait()


def last_message(text: str) -> str:
    """The error that a verb ended with, without its name; else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    own = [line.removeprefix("convertkit: ") for line in lines if line.startswith("convertkit: ")]
    return (own or lines or [""])[-1][:LARGEST_MESSAGE]
