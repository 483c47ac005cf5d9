"""The workers of a run: started, asked, replaced; a job whose worker died is asked once more.

Never imports a framework.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from convertkit.artifacts.files import remove_artifact
from convertkit.config.run_settings import LimitOptions
from convertkit.errors import (
    NO_SPACE,
    ConvertkitError,
    DiskFullError,
    Ended,
    MissingDependencyError,
    WorkerError,
    WorkerLimitError,
    WorkerTimeoutError,
)
from convertkit.registry import EnvironmentRow, environment_row
from convertkit.workers.answers import Answer
from convertkit.workers.checked import check_answer
from convertkit.workers.confinement import FULL, describe
from convertkit.workers.ends import disk_full, lost_twice, run_timeout
from convertkit.workers.family import memory_limit_bytes
from convertkit.workers.jobs import ConvertJob, DescribeJob, InferJob, Job
from convertkit.workers.known import KnownAnswers
from convertkit.workers.process import Tell, Worker

LEAST_FREE_BYTES = 1 << 20
CHOSEN = ("convertkit.stages.", "convertkit.runtimes.")  # what not every run uses


class Workers:
    """The workers of a run, one an environment; a context manager that leaves no process behind.

    Attributes:
        peak_bytes: highest resident memory seen of a worker's whole group during the last job.
        losses: how each worker ended whose job was asked again; in order.
        known: answers that need not be asked for again; None: all are.
        asked: how many jobs workers were sent.
    """

    def __init__(
        self,
        logs: Path,
        limits: LimitOptions,
        threads: int,
        writable: Sequence[Path] = (),
        tell: Tell = lambda text: None,
        known: KnownAnswers | None = None,
    ) -> None:
        """A pool without workers.

        Args:
            writable: folders that workers may write to, besides `logs`.
            tell: told what takes its time.
        """
        self._logs = logs.resolve()
        self._tell = tell
        self._limits = limits
        self._threads = threads
        self._writable = None if limits.sandbox == "none" else tuple(writable)
        self._ends = time.monotonic() + (limits.run_seconds or math.inf)
        self._alive: dict[str, Worker] = {}
        self.peak_bytes = 0
        self.losses: list[str] = []
        self.known = known
        self.asked = 0
        self._ahead: tuple[str, ...] = ()
        self._used: Mapping[str, Collection[str]] = {}
        self._spare: dict[str, Worker] = {}
        self._sandboxes: dict[str, tuple[str, ...]] = {}

    def __enter__(self) -> Self:
        """The pool itself; workers start on demand or by `start`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill every worker's process group; what ended the run from inside becomes the error it stands for.

        Raises:
            DiskFullError, RunTimeoutError: the run could not go on.
        """
        for worker_process in (*self._alive.values(), *self._spare.values()):
            worker_process.kill()
        self._alive.clear()
        self._spare.clear()
        if isinstance(error, Ended):
            raise error.error from error
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            raise disk_full(self._logs.parent) from error

    def bounded(self, job: InferJob) -> InferJob:
        """The job with the limits of the run: no more samples share a call than fit."""
        memory = memory_limit_bytes(self._limits)
        return msgspec.structs.replace(job, call_bytes=self._limits.call_bytes, memory_bytes=memory)

    def foresee(self, modules: Mapping[str, Collection[str]]) -> None:
        """Say which workers the run will need: they start at once, unless answers may be known already.

        Then they start with the first model that has to be read: what is made of a new model is new.

        Args:
            modules: environment → its stages and runtimes that will be used; its worker imports no others
                before a job asks for them.
        """
        self._ahead, self._used = tuple(modules), modules
        if self.known is None:
            self._start_ahead()

    def _start_ahead(self) -> None:
        for environment in self._ahead:
            self.start(environment)
        self._ahead = ()

    def expect(self, environment: str) -> None:
        """Start a worker that is asked soon, while others work; an environment that is not there is left."""
        if self._asks:
            with contextlib.suppress(MissingDependencyError):
                self.start(environment)

    def expect_fresh(self, environment: str) -> None:
        """Start the process of the next `ask_fresh` in that environment, while others work."""
        if self._asks and environment not in self._spare:
            with contextlib.suppress(MissingDependencyError):
                self._spare[environment] = self._started(environment_row(environment))

    @property
    def _asks(self) -> bool:
        """True where answers are not all known, as far as this run has come."""
        return self.known is None or self.asked > 0

    def _started(self, row: EnvironmentRow) -> Worker:
        log = self._logs / f"worker-{row.name}.log"
        return Worker(row, log, self._threads, self._writable, self._tell)

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
            row = environment_row(environment)
            current = self._started(with_modules(row, self._used.get(environment)))
            self._alive[environment] = current
        return current

    def ask(self, environment: str, job: Job, log: str) -> Answer:
        """The answer to a job: one that is known, or that of the environment's worker.

        Args:
            log: file name under the run's logs.

        Raises:
            ConvertkitError: what the job raised; a `WorkerError` where it passed a limit or two workers died.
        """
        return self._known_or(environment, job, lambda: self._ask_twice(environment, job, log))

    def _known_or(self, environment: str, job: Job, asking: Callable[[], Answer]) -> Answer:
        """The answer that is known, or that of `asking`, which is kept then."""
        known = self.known
        question = known.question(environment, job) if known else None
        if known is None or question is None:
            return asking()
        if (kept := known.recall(question)) is not None:
            self._sandboxes.setdefault(environment, kept.sandbox)
            return kept.answer
        try:
            answer = asking()
        except ConvertkitError as error:
            known.keep_error(question, error, self._sandboxes.get(environment, ()))
            raise
        known.keep(question, answer, self._sandboxes.get(environment, ()))
        return answer

    def _ask_twice(self, environment: str, job: Job, log: str) -> Answer:
        """Send a job to the environment's worker; where the worker dies, once more to a fresh one.

        A limit of the recipe is the user's: a job that passes one is not asked again.
        """
        if isinstance(job, DescribeJob):
            self._start_ahead()
        self.asked += 1
        try:
            return self._ask(environment, job, log)
        except WorkerLimitError:
            raise
        except WorkerError as first:
            self._check_space()
            self.losses.append(first.message)
            clear_away(job)
            try:
                return self._ask(environment, job, log)
            except WorkerError as second:
                raise lost_twice(first, second, log) from second

    def ask_fresh(self, environment: str, job: Job, log: str) -> Answer:
        """Send a job to a process of its own, which ends with it, unless its answer is known.

        Raises:
            ConvertkitError: what the job raised; a `WorkerError` where the process died.
        """

        def asking() -> Answer:
            with Workers(self._logs, self._limits, self._threads, self._writable or ()) as alone:
                if environment in self._spare:
                    alone._alive[environment] = self._spare.pop(environment)
                return alone._ask(environment, job, log)

        return self._known_or(environment, job, asking)

    def _ask(self, environment: str, job: Job, log: str) -> Answer:
        """Send a job once; a worker that died is replaced for the next job."""
        limits, left = self._limits, self._ends - time.monotonic()
        if left <= 0:
            raise Ended(run_timeout(limits))
        current = self.start(environment)
        try:
            within = msgspec.structs.replace(limits, job_seconds=min(limits.job_seconds, left))
            answer = current.ask(job, self._logs / log, within)
            check_answer(job, answer)
            return answer
        except DiskFullError as error:
            raise Ended(disk_full(self._logs.parent)) from error
        except ConvertkitError as error:
            if isinstance(error, WorkerError) or not current.is_ready:
                current.kill()
                self._alive.pop(environment, None)
            if isinstance(error, WorkerTimeoutError) and time.monotonic() >= self._ends:
                raise Ended(run_timeout(limits)) from error
            raise
        finally:
            self.peak_bytes = current.peak_bytes
            if current.is_ready:
                self._sandboxes[environment] = current.sandbox

    @property
    def sandbox(self) -> str:
        """What all workers that were asked had given up: `full`, `none`, or `partial: …`."""
        reached = list(self._sandboxes.values())
        return describe(
            tuple(part for part in FULL if all(part in each for each in reached)) if reached else ()
        )

    def mark(self) -> tuple[int, int]:
        """This moment, for `recalled_since`."""
        return self.asked, len(self.known.times) if self.known else 0

    def recalled_since(self, mark: tuple[int, int]) -> str:
        """When the oldest answer since then was given; empty where any was asked for, and where none was."""
        asked, known = mark
        times = self.known.times[known:] if self.known and self.asked == asked else []
        return min(times, default="")

    def _check_space(self) -> None:
        """Raise `Ended` where a worker most likely died of a full disk: a mapped file is a crash then."""
        with contextlib.suppress(OSError):
            if shutil.disk_usage(self._logs).free < LEAST_FREE_BYTES:
                raise Ended(disk_full(self._logs.parent))


def with_modules(row: EnvironmentRow, used: Collection[str] | None) -> EnvironmentRow:
    """The environment, importing ahead of its stages and runtimes those that are used; None: all of them."""
    if used is None:
        return row
    preload = tuple(name for name in row.preload if name in used or not name.startswith(CHOSEN))
    return msgspec.structs.replace(row, preload=preload)


def clear_away(job: Job) -> None:
    """Remove what a worker left of a conversion, so that the next one starts as the first did."""
    if isinstance(job, ConvertJob):
        remove_artifact(Path(job.out))
        shutil.rmtree(job.scratch, ignore_errors=True)
        Path(job.scratch).mkdir(parents=True, exist_ok=True)
