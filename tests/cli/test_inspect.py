from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.cli import cli
from convertkit.cli import inspect as verb
from convertkit.errors import MissingDependencyError, ModelFileError, StageError, WorkerCrashedError
from convertkit.workers.answers import Described
from tests.conftest import FIXTURES, Lab, fixture_samples
from tests.delegates.made import tflite_of
from tests.sources.flat import SMALLEST


class WantsCode:
    """Pickles to a call that leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["inspect", *map(str, arguments)], standalone_mode=False)


def inspected(*arguments: str | Path) -> Any:
    result = run(*arguments, "--json")
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def test_an_exported_program_tells_its_inputs_and_ranges() -> None:
    found = inspected(FIXTURES / "digits" / "model.pt2")
    assert found["kind"] == "exported-program"
    assert found["inputs"] == [{"name": "image", "dtype": "float32", "shape": ["batch", 1, 8, 8]}]
    assert found["ranges"] == {"batch": [1, None]}
    assert found["refusals"] == []
    assert found["needs"] == []


def test_size_and_sha256_are_those_of_the_file() -> None:
    file = FIXTURES / "digits" / "model.pt2"
    found = inspected(file)
    assert found["size_bytes"] == file.stat().st_size
    assert found["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("file", "kind", "needs"),
    [
        ("model.torchscript.pt", "torchscript", ["--samples"]),
        ("model.state_dict.pt", "state-dict", ["--factory", "--samples"]),
        ("model.safetensors", "safetensors", ["--factory", "--samples"]),
    ],
)
def test_what_the_file_cannot_tell_is_asked_for(file: str, kind: str, needs: list[str]) -> None:
    found = inspected(FIXTURES / "digits" / file)
    assert found["kind"] == kind
    assert [need.split()[0] for need in found["needs"]] == needs


def test_lines_have_one_fact_each() -> None:
    lines = run(FIXTURES / "two_inputs" / "model.pt2").output.splitlines()
    assert lines[0].endswith("model.pt2: an exported program (torch.export)")
    assert "  input      image:float32[batch,3,16,16]" in lines
    assert "  output     scores:float32[batch,5]" in lines
    assert "  axis       batch: 1 to any size" in lines


def test_a_pickled_program_is_described_and_not_run(tmp_path: Path) -> None:
    trace, file = tmp_path / "trace", tmp_path / "model.pt"
    file.write_bytes(pickle.dumps(WantsCode(trace)))
    result = run(file)
    assert result.exception is None
    assert f"{os.name}.mkdir" in result.output
    assert "  refused " in result.output
    assert "  convert    needs --allow-code" in result.output
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "an empty file"),
        (b"<!doctype html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs pointer"),
        (b"just text", "a text file"),
    ],
)
def test_what_is_no_model_is_unusable(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "model.pt"
    if content is not None:
        file.write_bytes(content)
    error = run(file).exception
    assert isinstance(error, ModelFileError)
    assert error.exit_code == 6
    assert message in error.message


def test_control_characters_of_a_file_do_not_reach_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(SMALLEST)
    signature = Signature((TensorSpec("\x1b[2Jx", "int8", (1, "n"), scale=0.5, zero_point=-3),), ())
    monkeypatch.setattr(verb, "describe", lambda file: Described(signature))
    output = run(file).output
    assert "\x1b" not in output
    assert "  input      ?[2Jx:int8[1,n]  scale 0.5, zero point -3" in output.splitlines()


def test_a_tflite_says_what_delegates_would_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model.tflite"
    tensors = [("float32", (1, 4)), ("float32", (1, 4)), ("float32", (1, 4))]
    file.write_bytes(tflite_of([("RELU", None, [0], [1]), ("ROUND", None, [1], [2])], tensors))
    monkeypatch.setattr(verb, "describe", lambda file: Described(Signature((), ())))
    lines = run(file).output.splitlines()
    assert "  delegate   XNNPACK: all 2 operators" in lines
    assert "  delegate   GPU delegate: 1 of 2 operators; ROUND: not supported" in lines
    found = inspected(file)["delegation"]
    assert [(row["delegate"], row["taken"]) for row in found["delegates"]] == [
        ("xnnpack", 2),
        ("gpu", 1),
        ("nnapi", 0),
    ]


class DeadWorker:
    """A worker of which every job ends in one error."""

    error: Exception = WorkerCrashedError("the worker crashed (SIGSEGV)")
    is_ready = True

    def __init__(self, *arguments: Any, **named: Any) -> None:
        pass

    def ask(self, *arguments: Any) -> None:
        raise self.error

    def kill(self) -> None:
        pass


@pytest.mark.parametrize(
    ("error", "is_ready", "kind", "message"),
    [
        (WorkerCrashedError("SIGSEGV"), True, ModelFileError, "its reader crashed"),
        (StageError("ValueError: no subgraph"), True, ModelFileError, "no subgraph"),
        (WorkerCrashedError("SIGILL"), False, WorkerCrashedError, "SIGILL"),
        (MissingDependencyError("cannot import 'x'"), False, MissingDependencyError, "cannot import"),
    ],
)
def test_a_reader_that_fails_on_a_file_is_the_file_s_fault_and_before_it_is_not(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    is_ready: bool,
    kind: type[Exception],
    message: str,
) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(SMALLEST)
    monkeypatch.setattr(DeadWorker, "error", error)
    monkeypatch.setattr(DeadWorker, "is_ready", is_ready)
    monkeypatch.setattr(verb, "Worker", DeadWorker)
    raised = run(file).exception
    assert type(raised) is kind
    assert message in str(raised)


def test_it_imports_no_framework() -> None:
    code = (
        "import sys; from convertkit.cli import cli; cli(sys.argv[1:], standalone_mode=False); "
        "print(sorted({'torch', 'tensorflow', 'onnx', 'onnxruntime', 'ai_edge_litert'} & set(sys.modules)))"
    )
    model = str(FIXTURES / "digits" / "model.torchscript.pt")
    answer = subprocess.run([sys.executable, "-c", code, "inspect", model], capture_output=True, text=True)
    assert answer.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_onnx_savedmodel_and_tflite_are_read_by_their_parsers(lab: Lab) -> None:
    samples = fixture_samples("digits")
    onnx = lab.convert("torch_to_onnx", lab.fixture("digits"), "onnx", samples)
    saved = lab.convert("onnx_to_savedmodel", onnx, "savedmodel", samples)
    lite = lab.convert("savedmodel_to_tflite", saved, "tflite:int8", samples, {"io": "int8"})
    found = inspected(onnx.path)
    assert found["inputs"] == [{"name": "image", "dtype": "float32", "shape": ["batch", 1, 8, 8]}]
    assert "Conv" in found["details"]["operators"].split()
    assert inspected(saved.path)["inputs"][0]["shape"] == ["batch", 8, 8, 1]
    read = inspected(lite.path)["inputs"][0]
    assert (read["name"], read["dtype"], read["shape"]) == ("image", "int8", ["batch", 8, 8, 1])
    assert read["scale"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(("name", "content"), [("a.onnx", b"\x08\x0a" * 50), ("a.tflite", SMALLEST)])
def test_a_damaged_file_is_unusable_to_its_parser(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    error = run(file).exception
    assert isinstance(error, ModelFileError), error
    assert error.message.count(name) == 1


def test_a_parsers_line_names_the_file_once_as_it_was_given(tmp_path: Path) -> None:
    file = tmp_path / "a.h5"
    assert verb.told_once(str(file), f"{file}: weights of Keras") == f"{file}: weights of Keras"
    assert verb.told_once("a.h5", f"{Path('a.h5').resolve()} is cut short") == "a.h5 is cut short"
    assert verb.told_once("a.h5", "no graph") == "a.h5: no graph"
