"""The parent side of worker processes: start, ask, limit, kill, replace. Never imports a framework."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import psutil

from convertkit.config.run_settings import LimitOptions
from convertkit.environment.interpreters import child_environment, environment_install, interpreter
from convertkit.errors import (
    ConvertkitError,
    MissingDependencyError,
    StageError,
    WorkerCrashedError,
    WorkerError,
    WorkerExitedError,
    WorkerMemoryError,
    WorkerSilentError,
    WorkerTimeoutError,
    error_class,
)
from convertkit.registry import EnvironmentRow, environment_row
from convertkit.workers.jobs import Answer, Failed, Job, Order, Ready

POLL_SECONDS = 0.25
WORKER_FILE = Path(__file__).parents[1] / "worker" / "main.py"
ANSWER_DECODER: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


class Worker:
    """One worker process of one environment, in a process group of its own.

    Attributes:
        is_ready: True once everything it preloads is imported.
        peak_bytes: highest resident memory seen of the whole group during the last job.
    """

    def __init__(self, environment: EnvironmentRow, log: Path, threads: int) -> None:
        python = interpreter(environment)
        if python is None or not python.exists():
            raise MissingDependencyError(
                f"the '{environment.name}' environment has no interpreter",
                hint=environment_install(environment),
            )
        self.environment = environment
        self.peak_bytes = 0
        self._buffer = b""
        self.is_ready = False
        with log.open("ab") as output:
            self._answers, writing = os.pipe()
            try:
                self._process = subprocess.Popen(
                    [str(python), str(WORKER_FILE), str(writing), *environment.preload],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    pass_fds=(writing,),
                    start_new_session=True,
                    env=child_environment(python, threads),
                )
            except OSError as error:
                os.close(self._answers)
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
            self.is_ready = isinstance(self._receive(limits), Ready)
        order = msgspec.json.encode(Order(job, str(log))) + b"\n"
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(order)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._obituary() from None
        return self._receive(limits)

    def _receive(self, limits: LimitOptions) -> Answer:
        """The next answer; the worker is killed where it passes a limit first."""
        deadline = time.monotonic() + limits.job_seconds
        memory_limit = limits.memory_bytes or int(psutil.virtual_memory().total * 0.9)
        self.peak_bytes = 0
        while b"\n" not in self._buffer:
            wait = min(POLL_SECONDS, max(0.0, deadline - time.monotonic()))
            was_alive = self.is_alive  # asked before the pipe is: what a dead worker sent still counts
            if select.select([self._answers], [], [], wait)[0]:
                received = os.read(self._answers, 1 << 16)
                if not received:
                    raise self._obituary()
                self._buffer += received
                continue
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
        answer = ANSWER_DECODER.decode(line)
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
        if code == -signal.SIGKILL:
            return WorkerMemoryError("the worker was killed (SIGKILL), most likely out of memory")
        if code < 0:
            return WorkerCrashedError(f"the worker crashed ({signal.Signals(-code).name})")
        if code > 0:
            return WorkerExitedError(f"the worker exited with code {code} before it answered")
        return WorkerSilentError("the worker exited 0 without an answer")

    def kill(self) -> None:
        """End the whole process group at once; safe to call twice."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._answers >= 0:
            os.close(self._answers)
            self._answers = -1
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()


def failed_error(answer: Failed) -> ConvertkitError:
    """The typed error that a `Failed` answer stands for."""
    return error_class(answer.error)(answer.message, hint=answer.hint)


def group_bytes(pid: int) -> int:
    """Resident memory of a process and all its descendants."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(member.memory_info().rss for member in family)
    except psutil.NoSuchProcess:
        return 0


class Workers:
    """The workers of a run, one an environment; a context manager that leaves no process behind."""

    def __init__(self, logs: Path, limits: LimitOptions, threads: int) -> None:
        self._logs = logs
        self._limits = limits
        self._threads = threads
        self._alive: dict[str, Worker] = {}
        self.peak_bytes = 0

    def __enter__(self) -> Self:
        """The pool itself; workers start on demand or by `start`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill every worker's process group."""
        for worker_process in self._alive.values():
            worker_process.kill()
        self._alive.clear()

    def start(self, environment: str) -> Worker:
        """The environment's worker, started where it is not running; imports go on in the background.

        Raises:
            MissingDependencyError: the environment has no interpreter.
        """
        current = self._alive.get(environment)
        if current is not None and not current.is_alive:
            current.kill()
            current = None
        if current is None:
            log = self._logs / f"worker-{environment}.log"
            current = Worker(environment_row(environment), log, self._threads)
            self._alive[environment] = current
        return current

    def ask(self, environment: str, job: Job, log: str) -> Answer:
        """Send a job to the environment's worker; a worker that died is replaced for the next job.

        Args:
            log: file name under the run's logs.

        Raises:
            ConvertkitError: what the job raised, or how its worker ended.
        """
        current = self.start(environment)
        try:
            return current.ask(job, self._logs / log, self._limits)
        except ConvertkitError as error:
            if isinstance(error, WorkerError) or not current.is_ready:
                current.kill()
                self._alive.pop(environment, None)
            raise
        finally:
            self.peak_bytes = current.peak_bytes


def expect(answer: Answer, kind: type[object]) -> None:
    """Raise StageError where a worker answered with another kind of message than the job asks for."""
    if not isinstance(answer, kind):
        raise StageError(f"the worker answered {type(answer).__name__}, not {kind.__name__}")
