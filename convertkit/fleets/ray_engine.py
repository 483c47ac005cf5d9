"""Ray as the engine of a fleet: its scheduler, processes and nodes. Imports it where a fleet runs."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convertkit.errors import MissingDependencyError, UsageError
from convertkit.fleets.child import Exit, convertkit_command, run_child
from convertkit.fleets.job import Job
from convertkit.fleets.scheduler import Ended

AHEAD = 2  # jobs handed over for each CPU: the next one waits there
STORE_BYTES = 100 << 20  # answers are a few words; the rest of the memory is for jobs
INSTALL = "pip install 'convertkit[fleet]'"
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "0"}


class RayEngine:
    """Hands jobs to a Ray that runs: one CPU and its memory for each, or whole nodes."""

    def __init__(self, ray: Any, folder: Path, *, is_alone: bool = False) -> None:
        """The engine.

        Args:
            ray: the module, connected.
            folder: the current one, to which all paths are relative; the same on every node.
            is_alone: each job takes all CPUs of its node.
        """
        self._ray = ray
        self._folder = str(folder)
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        self._cpus = max(int(node.get("CPU", 0)) for node in nodes)
        self._memory = max(int(node.get("memory", 0)) for node in nodes)
        self._width = len(nodes) if is_alone else sum(int(node.get("CPU", 0)) for node in nodes)
        self._share = self._cpus if is_alone else 1
        self._remote = ray.remote(max_retries=0)(on_node)
        self._running: dict[str, Any] = {}
        self._count = 0

    @property
    def width(self) -> int:
        """Twice the CPUs, so that none waits for this process."""
        return AHEAD * self._width

    def submit(self, job: Job, memory_bytes: int) -> str:
        """Hand over a job; one that needs more than any node has gets all of one."""
        memory = min(memory_bytes, self._memory)
        task = self._remote.options(num_cpus=self._share, memory=memory, name=job.name)
        self._count += 1
        ticket = str(self._count)
        self._running[ticket] = task.remote(job.words(), self._folder, job.output)
        return ticket

    def wait(self) -> list[Ended]:
        """Those that have ended, at least one."""
        ready, _ = self._ray.wait(list(self._running.values()), num_returns=1)
        tickets = [ticket for ticket, task in self._running.items() if task in ready]
        return [self._ended(ticket) for ticket in tickets]

    def _ended(self, ticket: str) -> Ended:
        """What became of a task: its answer; or that Ray lost it."""
        task = self._running.pop(ticket)
        try:
            code, message, seconds, peak, node = self._ray.get(task)
        except self._ray.exceptions.RayError:
            return Ended(ticket, None)
        return Ended(ticket, Exit(code, message, seconds, peak), node)


def on_node(words: list[str], folder: str, output: str) -> tuple[int, str, float, int, str]:
    """In a process of Ray's: run `convertkit` with these words, in this folder; plain values."""
    ended = run_child(convertkit_command(words), folder, output)
    return ended.code, ended.message, ended.seconds, ended.peak_bytes, socket.gethostname()


@contextlib.contextmanager
def connected(address: str | None, jobs: int | None) -> Iterator[Any]:
    """Ray, connected to a cluster; or one of its own on this machine for as long as the block takes.

    Args:
        address: of a cluster that runs, as Ray has it; None: start one here.
        jobs: how many at once here; None: one for each core.

    Raises:
        MissingDependencyError: Ray is not installed.
        UsageError: there is no cluster at that address.
    """
    ray = imported()
    os.environ |= {key: os.environ.get(key, value) for key, value in QUIET.items()}
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address:
            ray.init(address, **quiet)
        else:
            here: dict[str, Any] = {"include_dashboard": False, "object_store_memory": STORE_BYTES}
            ray.init(num_cpus=jobs or os.cpu_count(), **here, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        place = f"at {address}" if address else "here"
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UsageError(f"Ray cannot be had {place}: {line}", hint="ray start --head starts one") from None
    try:
        yield ray
    finally:
        ray.shutdown()


def imported() -> Any:
    """The module.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise MissingDependencyError(f"a fleet needs Ray: {error}", hint=INSTALL) from None
