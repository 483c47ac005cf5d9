"""A verb of the command line in a process of its own, which ends where a framework would be started."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import msgspec

import convertkit.api
import convertkit.verbs.bench
import convertkit.verbs.validate
from convertkit.cli import main
from convertkit.samples.readers import ENVIRONMENT
from convertkit.workers.pool import Workers
from convertkit.workers.process import Worker

SECONDS = 60
READ = 77  # the code of a process that got as far as a worker of a framework
START = Workers.start
OURS = (2, 3, 4, 5, 6, 7, 8)
LIGHT = (
    convertkit.api,
    convertkit.verbs.bench,
    convertkit.verbs.validate,
)  # imported before any process splits


class Ended(msgspec.Struct, frozen=True):
    """How a verb ended.

    Attributes:
        code: exit code; negative: the signal that ended it.
        said: what it printed.
        left: temporary files and folders that it left.
        peak_bytes: the most memory that it took itself.
    """

    code: int
    said: str
    left: tuple[str, ...]
    peak_bytes: int = 0

    @property
    def outcome(self) -> str:
        """`exit 6`, or that it would have started a worker."""
        if self.code == READ:
            return "read"
        if self.code < 0:
            return f"signal {-self.code}"
        return f"exit {self.code}"

    @property
    def fault(self) -> str:
        """What is wrong with that; empty where nothing is."""
        if self.code == -signal.SIGALRM:
            return f"hung for {SECONDS} s"
        if self.code not in (*OURS, READ):
            return f"{self.outcome}: {self.said[-200:]}"
        if "Traceback" in self.said or (self.code != READ and not self.said.strip()):
            return f"{self.outcome} without its line: {self.said[-200:]}"
        return f"left {', '.join(self.left)}" if self.left else ""


def run_verb(folder: Path, *arguments: str) -> Ended:
    """Run a verb in a folder, until it ends or asks for a worker."""
    out, temporary = folder / "out", Path(tempfile.mkdtemp(prefix="verb-", dir=folder))
    log = temporary / "log"
    process = os.fork()
    if not process:
        enter(folder, temporary, log, [*arguments])
    _, status, used = os.wait4(process, 0)
    code = os.waitstatus_to_exitcode(status)
    said = log.read_text(errors="replace") if log.exists() else ""
    left = [path.name for path in temporary.iterdir() if path != log]
    if code != READ:  # one that is ended within a run has had no time to tidy up
        left += [path.name for path in (out,) if path.exists()]
    shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(temporary)
    return Ended(code, said, () if code == READ else tuple(left), used.ru_maxrss << 10)


def start(workers: Workers, environment: str) -> Worker:
    """The worker that reads samples; for any other, the end."""
    if environment != ENVIRONMENT:
        os._exit(READ)
    return START(workers, environment)


def enter(folder: Path, temporary: Path, log: Path, arguments: list[str]) -> None:
    """The process: it does not come back."""
    code = 1
    try:
        signal.alarm(SECONDS)
        os.chdir(folder)
        os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
        os.environ["CONVERTKIT_CACHE"] = str(folder / "no-store")
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        Workers.start = start  # type: ignore[method-assign]
        sys.argv = ["convertkit", *arguments]
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
