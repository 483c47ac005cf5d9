"""What can run here, and the exact line that makes the rest run. Imports no framework; workers do."""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from convertkit import __version__
from convertkit.artifacts.formats import Format
from convertkit.config.run_settings import LimitOptions
from convertkit.environment.devices import cpu_name, gpu_names
from convertkit.environment.extras import ExtraState, look_at_extras
from convertkit.environment.interpreters import environment_install
from convertkit.environment.packages import install_line, requirements
from convertkit.environment.state import Conflict, EnvironmentState, conflicts, look_at, own_install
from convertkit.errors import ConvertkitError, WorkerError
from convertkit.registry import (
    ENVIRONMENTS,
    RUNTIMES,
    STAGES,
    EnvironmentRow,
    StageRow,
    runtime_row,
)
from convertkit.storage.temporary import temporary_folder
from convertkit.workers.confinement import describe
from convertkit.workers.jobs import DescribeJob
from convertkit.workers.process import Worker

START_SECONDS = 60.0
CANNOT_IMPORT = re.compile(r"cannot import '(\w+)")


class StageState(msgspec.Struct, frozen=True):
    """A stage of the registry: whether it, and the check of what it makes, can run here."""

    name: str
    source: str
    targets: tuple[str, ...]
    can_run: bool
    problem: str = ""
    fix: str = ""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `convertkit doctor` shows.

    Attributes:
        is_complete: every stage can run.
    """

    convertkit: str
    python: str
    platform: str
    cpu: str
    gpus: tuple[str, ...]
    is_complete: bool
    environments: tuple[EnvironmentState, ...]
    stages: tuple[StageState, ...]
    extras: tuple[ExtraState, ...]
    conflicts: tuple[Conflict, ...]


def diagnose(*, quick: bool, starting: Callable[[str], None] = lambda name: None) -> Diagnosis:
    """Look at every environment and stage.

    Args:
        quick: start no worker.
        starting: told the name of each environment before its worker is started.
    """
    environments = []
    for row in ENVIRONMENTS:
        state = look_at(row)
        if not quick and not state.problem:
            starting(row.name)
            state = started(row, state)
        environments.append(state)
    by_name = {state.name: state for state in environments}
    stages = tuple(judge(row, by_name) for row in STAGES)
    return Diagnosis(
        convertkit=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=cpu_name(),
        gpus=gpu_names(),
        is_complete=all(stage.can_run for stage in stages),
        environments=tuple(environments),
        stages=stages,
        extras=look_at_extras(),
        conflicts=tuple(dict.fromkeys(conflict for state in environments for conflict in conflicts(state))),
    )


def started(row: EnvironmentRow, state: EnvironmentState) -> EnvironmentState:
    """The environment after its worker was started, and asked for a model that is not there.

    A healthy worker imports everything, and answers that there is no such model.
    """
    kind = next((runtime.format for runtime in RUNTIMES if runtime.environment == row.name), Format.TFLITE)
    limits = LimitOptions(job_seconds=START_SECONDS)
    with temporary_folder() as folder:
        log = folder / "worker.log"
        begun = time.monotonic()
        problem = ConvertkitError("")
        worker = Worker(row, log, threads=1)
        try:
            worker.ask(DescribeJob(kind, str(folder / "none")), log, limits)
        except ConvertkitError as error:
            problem = error
        finally:
            worker.kill()
    if worker.is_ready and not isinstance(problem, WorkerError):
        seconds = time.monotonic() - begun
        return msgspec.structs.replace(state, seconds=seconds, sandbox=describe(worker.sandbox))
    return msgspec.structs.replace(
        state, problem=f"does not start: {problem.message}", fix=start_fix(row, state, problem.message)
    )


def start_fix(row: EnvironmentRow, state: EnvironmentState, message: str) -> str:
    """The line against a worker that did not start; a module that is one of our requirements is named."""
    module = CANNOT_IMPORT.match(message)
    name = module[1].replace("_", "-") if module else ""
    if name in requirements() and state.python and not row.own_interpreter:
        return install_line(state.python, [name])
    return (
        own_install(row, Path(state.python))
        if row.own_interpreter and state.python
        else environment_install(row)
    )


def judge(row: StageRow, environments: dict[str, EnvironmentState]) -> StageState:
    """Whether a stage, and the runtimes that compare what it makes with its source, can run."""
    targets = tuple(str(target) for target in row.targets)
    formats = dict.fromkeys((row.source.format, *(target.format for target in row.targets)))
    needed = dict.fromkeys((row.environment, *(runtime_row(kind).environment for kind in formats)))
    for name in needed:
        state = environments[name]
        if state.problem:
            problem = f"environment '{name}': {state.problem}"
            return StageState(row.name, str(row.source), targets, False, problem, state.fix)
    return StageState(row.name, str(row.source), targets, True)
