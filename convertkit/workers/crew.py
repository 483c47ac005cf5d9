"""The processes of a run's workers: one an environment, and spare ones for jobs with a process of their own.

Never imports a framework.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from convertkit.registry import EnvironmentRow, environment_row
from convertkit.workers.process import Tell, Worker

CHOSEN = ("convertkit.stages.", "convertkit.runtimes.")  # what not every run uses


class Crew:
    """Workers by their environments, started, replaced and killed; none is asked anything here.

    Attributes:
        alive: the worker of each environment, which may have ended since.
        spare: workers that wait for a job with a process of its own.
    """

    def __init__(self, logs: Path, threads: int, writable: Sequence[Path] | None, tell: Tell) -> None:
        """No process yet.

        Args:
            writable: folders that workers may write to, besides `logs`; None: no sandbox.
            tell: told what takes its time.
        """
        self._logs, self._threads, self._writable, self._tell = logs, threads, writable, tell
        self._ahead: tuple[str, ...] = ()
        self._used: Mapping[str, Collection[str]] = {}
        self.alive: dict[str, Worker] = {}
        self.spare: dict[str, Worker] = {}

    def foresee(self, modules: Mapping[str, Collection[str]]) -> None:
        """Say which workers will be needed, for `start_ahead`, and which modules of theirs."""
        self._ahead, self._used = tuple(modules), modules

    def start_ahead(self) -> None:
        """Start what was foreseen and has not started yet."""
        for environment in self._ahead:
            self.start(environment)
        self._ahead = ()

    def start(self, environment: str) -> Worker:
        """The environment's worker, started where it is not running; imports go on in the background.

        Raises:
            MissingDependencyError: the environment has no interpreter.
        """
        current = self.alive.get(environment)
        if current is not None and not current.is_alive:
            current.kill()
            current = None
        if current is None:
            row = environment_row(environment)
            current = self._started(with_modules(row, self._used.get(environment)))
            self.alive[environment] = current
        return current

    def start_spare(self, environment: str) -> None:
        """Have a process wait in that environment.

        Raises:
            MissingDependencyError: the environment has no interpreter.
        """
        if environment not in self.spare:
            self.spare[environment] = self._started(environment_row(environment))

    def dismiss(self, environment: str) -> None:
        """Kill the environment's worker; the next job starts another."""
        self.alive.pop(environment).kill()

    def kill(self) -> None:
        """Kill every worker's process group."""
        for worker in (*self.alive.values(), *self.spare.values()):
            worker.kill()
        self.alive.clear()
        self.spare.clear()

    def _started(self, row: EnvironmentRow) -> Worker:
        return Worker(row, self._logs / f"worker-{row.name}.log", self._threads, self._writable, self._tell)


def with_modules(row: EnvironmentRow, used: Collection[str] | None) -> EnvironmentRow:
    """The environment, importing ahead of its stages and runtimes those that are used; None: all of them."""
    if used is None:
        return row
    preload = tuple(name for name in row.preload if name in used or not name.startswith(CHOSEN))
    return msgspec.structs.replace(row, preload=preload)
