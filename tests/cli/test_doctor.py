from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from convertkit.cli import cli
from convertkit.cli.doctor import lines
from convertkit.environment.packages import STANDS_IN, is_within, requirements
from convertkit.environment.packages import installed as installed_versions
from convertkit.environment.state import EnvironmentState, Package, conflicts, look_at
from convertkit.registry import ENVIRONMENTS, RUNTIMES, STAGES, environment_row, stage_row
from convertkit.verbs import doctor
from convertkit.verbs.doctor import diagnose, judge

Installed = Callable[[dict[str, str]], None]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Pretend that every interpreter has all packages, but for these (an empty version: not installed)."""

    def pretend(changes: dict[str, str]) -> None:
        def versions(python: Path, names: tuple[str, ...]) -> dict[str, str]:
            every = dict.fromkeys(names, "") | {name: lowest(name) for name in names} | changes
            return {name: every[name] for name in names if every[name]}

        monkeypatch.setattr("convertkit.environment.state.installed", versions)

    return pretend


def lowest(name: str) -> str:
    """The lowest version that is supported; none for packages that stand in for others."""
    if name in STANDS_IN.values():
        return ""
    return requirements().get(name, ">=1").partition(">=")[2].split(",")[0]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *arguments], standalone_mode=False)


def line_of(result: Result, start: str) -> str:
    return next(line for line in result.output.splitlines() if line.startswith(start))


def test_every_package_environment_and_stage_has_its_line(installed: Installed) -> None:
    installed({})
    text = run("--quick").output
    for row in (*STAGES, *RUNTIMES):
        for package in row.packages:
            assert f"  ok       {package} " in text
    for row in STAGES:
        assert f"  ok       {row.name}: {row.source} → " in text
    for row in ENVIRONMENTS:
        assert f" {row.name}: " in text


def test_all_stages_run_here_is_0(installed: Installed) -> None:
    installed({})
    assert run("--quick").return_value == 0


def test_a_missing_package_stops_its_stages_and_names_the_line(installed: Installed) -> None:
    installed({"onnx2tf": ""})
    result = run("--quick")
    assert result.return_value == 4
    line = next(
        line for line in result.output.splitlines() if line.startswith("  cannot   onnx_to_savedmodel")
    )
    assert "not installed: onnx2tf" in line
    assert "-m pip install 'onnx2tf" in line
    assert "  ok       torch_to_onnx: " in result.output


def test_a_stage_cannot_run_where_what_it_makes_cannot_be_checked(installed: Installed) -> None:
    installed({"ai-edge-litert": ""})
    states = {row.name: look_at(row) for row in ENVIRONMENTS}
    assert not judge(stage_row("savedmodel_to_tflite"), states).can_run
    assert "ai-edge-litert" in judge(stage_row("savedmodel_to_tflite"), states).fix
    assert judge(stage_row("onnx_to_savedmodel"), states).can_run


def test_the_field_environment_is_optional(monkeypatch: pytest.MonkeyPatch, installed: Installed) -> None:
    installed({})
    monkeypatch.delenv("CONVERTKIT_PYTHON_FIELD", raising=False)
    monkeypatch.setattr(sys, "prefix", "/nowhere/my env")
    result = run("--quick")
    assert result.return_value == 0
    line = next(line for line in result.output.splitlines() if line.startswith("  missing  field"))
    assert (
        "run: python3.11 -m venv '/nowhere/my env-field' && '/nowhere/my env-field'/bin/pip install" in line
    )
    assert "tflite-runtime==2.14.0 'numpy<2' msgspec" in line


@pytest.mark.parametrize("stand_in", ["", "exit 127"])
def test_the_python_that_the_field_environment_needs_is_named_where_it_is_missing(
    stand_in: str, monkeypatch: pytest.MonkeyPatch, installed: Installed, tmp_path: Path
) -> None:
    installed({})
    if stand_in:  # as a version manager leaves it for a version that it does not have
        Path(script(tmp_path, stand_in)).rename(tmp_path / "python3.11")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CONVERTKIT_PYTHON_FIELD", raising=False)
    monkeypatch.setattr(sys, "prefix", "/nowhere/env")
    line = line_of(run("--quick"), "  missing  field")
    assert (
        "it needs Python 3.11, and no python3.11 starts here: install that first; run: python3.11 -m" in line
    )


def test_an_interpreter_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONVERTKIT_PYTHON_TF", str(tmp_path / "python"))
    state = look_at(environment_row("tf"))
    assert f"no interpreter at {tmp_path / 'python'}" in state.problem
    assert state.fix == "unset CONVERTKIT_PYTHON_TF"


def test_an_interpreter_that_is_no_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONVERTKIT_PYTHON_TF", script(tmp_path, "echo hello"))
    assert "does not answer as a Python" in look_at(environment_row("tf")).problem


def test_another_interpreter_is_asked_for_its_own_packages(tmp_path: Path) -> None:
    other = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True)
    package = next(other.glob("lib/python*/site-packages")) / "onnx-0.0.7.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: onnx\nVersion: 0.0.7\n")
    assert installed_versions(other / "bin" / "python", ("onnx", "msgspec")) == {"onnx": "0.0.7"}
    assert installed_versions(Path(sys.executable), ("onnx", "msgspec"))["onnx"] != "0.0.7"


def script(folder: Path, body: str) -> str:
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return str(file)


def test_a_worker_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONVERTKIT_PYTHON_LITERT", script(tmp_path, "exit 3"))
    row = environment_row("litert")
    state = doctor.started(row, EnvironmentState("litert", str(tmp_path / "python"), ()))
    assert state.problem == "does not start: the worker exited with code 3 before it answered"
    assert state.seconds is None


def test_a_module_that_is_missing_is_installed_by_name(tmp_path: Path) -> None:
    row = msgspec.structs.replace(environment_row("litert"), preload=("sng4onnx_is_not_here",))
    state = doctor.started(row, EnvironmentState("litert", sys.executable, ()))
    assert "cannot import 'sng4onnx_is_not_here'" in state.problem
    assert state.fix == row.install
    assert "install 'sng4onnx>=2'" in doctor.start_fix(row, state, "cannot import 'sng4onnx'")


def warnings(*packages: Package, python: str = sys.executable) -> list[str]:
    return [c.problem for c in conflicts(EnvironmentState("tf", python, packages))]


def test_versions_out_of_range_are_warned_of(installed: Installed) -> None:
    installed({"torch": "2.16.0+cpu", "tensorflow": "2.20.1", "numpy": "1.26.4"})
    diagnosis = diagnose(quick=True)
    problems = [conflict.problem for conflict in diagnosis.conflicts]
    for start in ("torch 2.16.0+cpu is not ", "tensorflow 2.20.1 is not ", "numpy 1.26.4 is not >=2"):
        assert any(problem.startswith(start) for problem in problems)
    assert "  warning  numpy 1.26.4" in "\n".join(lines(diagnosis))
    assert len(problems) == len(set(problems))


def test_numpy_1_is_right_in_the_field(monkeypatch: pytest.MonkeyPatch, installed: Installed) -> None:
    installed({"numpy": "1.26.4"})
    monkeypatch.setenv("CONVERTKIT_PYTHON_FIELD", sys.executable)
    assert not warnings(*look_at(environment_row("field")).packages)


def test_both_onnxruntimes_are_a_conflict(installed: Installed) -> None:
    installed({})
    assert not [p for p in warnings(*look_at(environment_row("onnx")).packages) if "share one folder" in p]
    installed({"onnxruntime": "1.32.0"})
    state = look_at(environment_row("onnx"))
    conflict = next(c for c in conflicts(state) if "share one folder" in c.problem)
    assert "pip uninstall -y onnxruntime onnxruntime-gpu && " in conflict.fix


def test_onnxruntime_for_the_cpu_stands_in(installed: Installed) -> None:
    installed({"onnxruntime-gpu": "", "onnxruntime": "1.32.0"})
    state = look_at(environment_row("onnx"))
    assert not state.problem
    assert state.packages[0].name == "onnxruntime"
    assert not warnings(*state.packages)


def test_onnxsim_is_looked_for_beside_the_interpreter(tmp_path: Path) -> None:
    package = Package("onnx2tf", "1.28.8", "", True)
    python = script(tmp_path, "")
    assert any("no onnxsim beside" in problem for problem in warnings(package, python=python))
    (tmp_path / "onnxsim").touch()
    assert not warnings(package, python=python)


@pytest.mark.parametrize(
    ("version", "supported", "expected"),
    [
        ("2.13.0+cpu", ">=2.13,<2.15", True),
        ("2.15.0", ">=2.13,<2.15", False),
        ("2.9.1", ">=2.13,<2.15", False),
        ("2.14.99", "<2.15,>=2.13", True),
        ("1.28.8", ">=1.28.8,<1.29", True),
        ("1.28.7", ">=1.28.8,<1.29", False),
        ("2", ">=2.0", True),
        ("1", "", True),
    ],
)
def test_ranges(version: str, supported: str, expected: bool) -> None:
    assert is_within(version, supported) is expected


def test_requirements_are_those_of_the_project() -> None:
    ranges = requirements()
    assert set(ranges["tensorflow"].split(",")) == {">=2.21", "<2.22"}
    assert "pytest" not in ranges
    named = {package for row in (*STAGES, *RUNTIMES) for package in row.packages}
    assert named <= set(ranges)


def test_json_has_the_same_facts(installed: Installed) -> None:
    installed({"onnx2tf": ""})
    result = run("--quick", "--json")
    content: Any = json.loads(result.stdout)
    assert result.return_value == 4
    assert content["is_complete"] is False
    assert [stage["name"] for stage in content["stages"]] == [row.name for row in STAGES]
    assert {e["name"]: e["problem"] for e in content["environments"]}["tf"] == "not installed: onnx2tf"


def test_quick_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "Worker", None)
    assert diagnose(quick=True).environments[0].seconds is None


@pytest.mark.slow
def test_every_environment_starts_here() -> None:
    named: list[str] = []
    diagnosis = diagnose(quick=False, starting=named.append)
    states = {state.name: state for state in diagnosis.environments}
    for name in ("torch", "onnx", "tf", "litert"):
        assert states[name].problem == ""
        assert (states[name].seconds or 0) > 0
        assert name in named
    assert diagnosis.is_complete


@pytest.mark.parametrize(
    ("sandbox", "is_told"),
    [("full", False), ("partial: own processes, limits", False), ("partial: limits", True), ("none", True)],
)
def test_where_the_kernel_does_not_end_processes_it_says_what_does(
    monkeypatch: pytest.MonkeyPatch, installed: Installed, sandbox: str, is_told: bool
) -> None:
    installed({})

    def pretended(row: object, state: EnvironmentState) -> EnvironmentState:
        return msgspec.structs.replace(state, seconds=1.0, sandbox=sandbox)

    monkeypatch.setattr(doctor, "started", pretended)
    text = run().output
    assert f"sandbox {sandbox}" in text
    assert ("no namespace of processes is granted here" in text) == is_told
    assert "no namespace" not in run("--quick").output
