"""An environment of the registry as it is here: its interpreter, its packages, and the lines that mend it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec

from convertkit.environment.interpreters import environment_install, interpreter, lacks_python
from convertkit.environment.packages import STANDS_IN, install_line, installed, is_within, requirements
from convertkit.registry import (
    ENVIRONMENTS,
    FIELD_RUNTIME,
    RUNTIMES,
    STAGES,
    EnvironmentRow,
)

BESIDE = ("numpy",)  # not in a row's packages, but its version decides whether they can be imported
ONNXSIM = "onnxsim"


class Package(msgspec.Struct, frozen=True):
    """A package that an environment needs.

    Attributes:
        version: None where it is not installed.
        supported: the range that convertkit supports, as in its own requirements; empty for any.
        is_supported: False where a version is installed and out of that range.
    """

    name: str
    version: str | None
    supported: str
    is_supported: bool


class EnvironmentState(msgspec.Struct, frozen=True):
    """An environment of the registry, as it is here.

    Attributes:
        python: its interpreter; None where it has none.
        seconds: how long its worker took to import everything; None where it was not started.
        problem: why nothing of it can run; empty where it can.
        fix: the exact line to run against the problem.
        sandbox: what its worker gives up: `full`, `none`, or `partial: …`; empty where it was not started.
    """

    name: str
    python: str | None
    packages: tuple[Package, ...]
    seconds: float | None = None
    problem: str = ""
    fix: str = ""
    sandbox: str = ""


class Conflict(msgspec.Struct, frozen=True):
    """Something that may break at any time although everything starts, and the line against it."""

    problem: str
    fix: str


def look_at(row: EnvironmentRow) -> EnvironmentState:
    """An environment without starting it: its interpreter, and the versions of its packages."""
    python = interpreter(row)
    if python is None:
        why = lacks_python(row)
        problem = f"no interpreter of its own{'; ' if why else ''}{why}"
        return broken(row, None, problem, own_install(row, None))
    if not python.is_file():
        return broken(row, python, f"no interpreter at {python}", interpreter_fix(row))
    beside = () if row.own_interpreter else BESIDE
    names = (*needed_packages(row.name), *beside)
    try:
        versions = installed(python, (*names, *STANDS_IN.values()))
    except (OSError, ValueError, subprocess.SubprocessError):
        return broken(row, python, f"{python} does not answer as a Python", interpreter_fix(row))
    ranges = {} if row.own_interpreter else requirements()
    packages = tuple(package(name, versions, ranges) for name in names)
    missing = [item.name for item in packages if item.version is None]
    state = EnvironmentState(row.name, str(python), packages)
    if not missing:
        return state
    fix = own_install(row, python) if row.own_interpreter else install_line(str(python), missing)
    return msgspec.structs.replace(state, problem=f"not installed: {', '.join(missing)}", fix=fix)


def broken(row: EnvironmentRow, python: Path | None, problem: str, fix: str) -> EnvironmentState:
    """An environment of which nothing more can be known."""
    return EnvironmentState(row.name, None if python is None else str(python), (), problem=problem, fix=fix)


def own_install(row: EnvironmentRow, python: Path | None) -> str:
    """The row's install line, for the interpreter there is, or for the folder where it is looked for."""
    if python is not None:
        return f"{shlex.quote(str(python))} -m pip install {row.install.partition('pip install ')[2]}"
    return environment_install(row)


def interpreter_fix(row: EnvironmentRow) -> str:
    """The line against an interpreter that is none."""
    variable = f"CONVERTKIT_PYTHON_{row.name.upper()}"
    return f"unset {variable}" if os.environ.get(variable) else own_install(row, None)


def needed_packages(environment: str) -> tuple[str, ...]:
    """Packages of all stages and runtimes of an environment, in the order of the registry, and its own."""
    rows = [row for row in (*STAGES, *RUNTIMES, FIELD_RUNTIME) if row.environment == environment]
    own = (row.packages for row in ENVIRONMENTS if row.name == environment)
    return tuple(dict.fromkeys(chain(*(row.packages for row in rows), *own)))


def package(name: str, versions: dict[str, str], ranges: dict[str, str]) -> Package:
    """A package, or what stands in for it."""
    found = name if name in versions else STANDS_IN.get(name, name)
    version, supported = versions.get(found), ranges.get(name, "")
    return Package(
        found if version else name, version, supported, version is None or is_within(version, supported)
    )


def conflicts(state: EnvironmentState) -> Iterator[Conflict]:
    """What is installed in an environment and should not be, or not like that."""
    if state.python is None or not state.packages:
        return
    names = [item.name for item in state.packages]
    for item in state.packages:
        if not item.is_supported:
            problem = f"{item.name} {item.version} is not {item.supported}"
            yield Conflict(problem, install_line(state.python, [item.name]))
    if "onnxruntime-gpu" in names and "onnxruntime" in installed(Path(state.python), ("onnxruntime",)):
        yield Conflict(
            "onnxruntime and onnxruntime-gpu share one folder, and the last installed wins",
            f"{shlex.join([state.python, '-m', 'pip', 'uninstall', '-y', 'onnxruntime', 'onnxruntime-gpu'])}"
            f" && {install_line(state.python, ['onnxruntime-gpu'])}",
        )
    beside = Path(state.python).with_name(ONNXSIM)
    if "onnx2tf" in names and not beside.exists():
        yield Conflict(
            f"no {ONNXSIM} beside {state.python}, and onnx2tf starts it by name",
            install_line(state.python, [ONNXSIM]),
        )
