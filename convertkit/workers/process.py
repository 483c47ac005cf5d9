"""One worker process, from the parent's side: start, ask, limit, kill. Never imports a framework."""

from __future__ import annotations

import compileall
import contextlib
import functools
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import psutil

from convertkit.config.run_settings import LimitOptions
from convertkit.environment.interpreters import child_environment, environment_install, interpreter
from convertkit.environment.state import look_at, needed_packages
from convertkit.errors import (
    MissingDependencyError,
    WorkerError,
    WorkerMemoryError,
    WorkerSilentError,
    WorkerTimeoutError,
)
from convertkit.registry import EnvironmentRow
from convertkit.workers.answers import Answer, Failed, Ready
from convertkit.workers.checked import bounded, decoded
from convertkit.workers.confinement import OWNER, WRITABLE
from convertkit.workers.ends import check_whole, ended_with, failed_error
from convertkit.workers.family import descendants, group_bytes, memory_limit_bytes
from convertkit.workers.jobs import Job, Order
from convertkit.workers.orphans import end_orphans, owner_mark

POLL_SECONDS = 0.25
KILL_TURNS = 20
SIGN_SECONDS = 15.0
Tell = Callable[[str], None]
"""Who is told what takes its time, one line at a time."""
WORKER_FILE = Path(__file__).parents[1] / "worker" / "main.py"


class Worker:
    """One worker process of one environment, under a guard that everything it starts ends with.

    It starts in an empty folder beside its log, where its temporary files go too; the folder goes with it.

    Attributes:
        is_ready: True once everything it preloads is imported.
        peak_bytes: highest resident memory seen of the whole group during the last job.
        sandbox: what it gave up before it imported anything; known once it is ready.
    """

    def __init__(
        self,
        environment: EnvironmentRow,
        log: Path,
        threads: int,
        writable: Sequence[Path] | None = (),
        tell: Tell = lambda text: None,
    ) -> None:
        """Start it.

        Args:
            writable: folders that it may write to, besides that of its log; None: no sandbox.
            tell: told what is being imported, and every SIGN_SECONDS that a job goes on.
        """
        python = interpreter(environment)
        if python is None or not python.exists():
            raise MissingDependencyError(
                f"the '{environment.name}' environment has no interpreter",
                hint=environment_install(environment),
            )
        precompile()
        end_orphans()
        self.environment = environment
        self._tell = tell
        self.peak_bytes = 0
        self._buffer = b""
        self.is_ready = False
        self.sandbox: tuple[str, ...] = ()
        self._home = Path(tempfile.mkdtemp(prefix=f".worker-{environment.name}-", dir=log.parent)).resolve()
        with log.open("ab") as output:
            self._answers, writing = os.pipe()
            try:
                self._process = subprocess.Popen(
                    [str(python.absolute()), str(WORKER_FILE), str(writing), *environment.preload],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    pass_fds=(writing,),
                    start_new_session=True,
                    cwd=self._home,
                    env=child_environment(python, threads, self._home) | told(log, writable),
                )
            except OSError as error:
                os.close(self._answers)
                shutil.rmtree(self._home, ignore_errors=True)
                raise MissingDependencyError(
                    f"the '{environment.name}' environment's interpreter {python} does not start: "
                    f"{error.strerror}",
                    hint=environment_install(environment),
                ) from None
            finally:
                os.close(writing)

    @property
    def is_alive(self) -> bool:
        """True while the process runs."""
        return self._process.poll() is None

    def ask(self, job: Job, log: Path, limits: LimitOptions) -> Answer:
        """Send one job and wait for its answer.

        Args:
            log: file that takes what the job prints.

        Raises:
            ConvertkitError: what the job raised, by class; a `WorkerError` when the worker ended first.
        """
        if not self.is_ready:
            self._become_ready(limits)
        order = msgspec.json.encode(Order(job, str(log))) + b"\n"
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(order)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._obituary() from None
        return self._receive(limits)

    def _become_ready(self, limits: LimitOptions) -> None:
        """Wait until everything is imported.

        Raises:
            MissingDependencyError: a sandbox is required, and the system does not grant all of it.
        """
        answer = self._started(limits)
        if not isinstance(answer, Ready):
            return
        self.sandbox = answer.sandbox
        if limits.require_sandbox:
            check_whole(answer.sandbox)
        self.is_ready = True

    def _started(self, limits: LimitOptions) -> Answer:
        """The first answer: that everything is imported.

        Raises:
            MissingDependencyError: all that is not installed, and the line that installs it.
        """
        self._tell(f"importing {', '.join(needed_packages(self.environment.name))}")
        try:
            return self._receive(limits)
        except MissingDependencyError as error:
            state = look_at(self.environment)
            if not state.problem:
                raise
            lacking = f"the '{state.name}' environment cannot start: {state.problem}"
            raise MissingDependencyError(lacking, hint=f"run: {state.fix}") from error

    def _receive(self, limits: LimitOptions) -> Answer:
        """The next answer; the worker is killed where it passes a limit first."""
        begun = time.monotonic()
        deadline, sign = begun + limits.job_seconds, begun + SIGN_SECONDS
        memory_limit = memory_limit_bytes(limits)
        self.peak_bytes = 0
        while b"\n" not in self._buffer:
            wait = min(POLL_SECONDS, max(0.0, deadline - time.monotonic()))
            was_alive = self.is_alive  # asked before the pipe is: what a dead worker sent still counts
            if select.select([self._answers], [], [], wait)[0]:
                received = os.read(self._answers, 1 << 16)
                if not received:
                    raise self._obituary()
                self._buffer = bounded(self._buffer + received)
                continue
            if time.monotonic() >= sign:
                sign += SIGN_SECONDS
                self._tell(f"'{self.environment.name}' is at work, {time.monotonic() - begun:.0f} s")
            if not was_alive:  # a child of its own may still hold the pipe open
                raise self._obituary()
            if time.monotonic() >= deadline:
                self.kill()
                raise WorkerTimeoutError(
                    f"no answer within {limits.job_seconds:g} s", hint="raise limits.job_seconds in a recipe"
                )
            self.peak_bytes = max(self.peak_bytes, group_bytes(self._process.pid))
            if self.peak_bytes > memory_limit:
                self.kill()
                raise WorkerMemoryError(
                    f"used {self.peak_bytes >> 20} MiB, over the limit of {memory_limit >> 20} MiB",
                    hint="raise limits.memory_bytes in a recipe",
                )
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer = decoded(line)
        if isinstance(answer, Failed):
            raise failed_error(answer)
        return answer

    def _obituary(self) -> WorkerError:
        """The error that says how the process ended without an answer."""
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
            return WorkerSilentError("the worker closed its answer channel without an answer")
        self.kill()
        return ended_with(code)

    def kill(self) -> None:
        """End the process and all that it started, in whatever session, at once; safe to call twice."""
        for _ in range(KILL_TURNS):  # one that is being ended may still start another
            family = descendants(self._process.pid) if self.is_alive else []
            for member in family:
                with contextlib.suppress(psutil.Error):
                    member.kill()
            if not family:
                break
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._home, ignore_errors=True)
        if self._answers >= 0:
            os.close(self._answers)
            self._answers = -1
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()


@functools.cache
def precompile() -> None:
    """Write the bytecode that workers cannot write themselves, once; in an installed package it is there."""
    with contextlib.suppress(OSError):
        compileall.compile_dir(WORKER_FILE.parents[1], quiet=2)


def told(log: Path, writable: Sequence[Path] | None) -> dict[str, str]:
    """Variables that tell a worker whose it is, and that it is to enter a sandbox where folders are named."""
    if writable is None:
        return {OWNER: owner_mark()}
    folders = os.pathsep.join(str(folder.resolve()) for folder in (log.parent, *writable))
    return {OWNER: owner_mark(), WRITABLE: folders}
