"""With the light dependencies alone every verb starts, and names what it lacks with the line against it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from convertkit.cli import VERBS
from tests.conftest import FIXTURES, ROOT

# Distributions of the base install that the parent process imports; docs/install.md names them too.
LIGHT = (
    "click", "flatbuffers", "jinja2", "msgspec", "numpy", "nvidia-ml-py", "packaging", "pillow",
    "platformdirs", "psutil", "pyyaml", "rich",
)  # fmt: skip
HEAVY = (
    "ai_edge_litert", "h5py", "keras", "litert_quantizer", "matplotlib", "ml_dtypes", "onnx", "onnx2tf",
    "onnx_graphsurgeon", "onnx_ir", "onnxruntime", "onnxscript", "onnxsim", "onnxslim", "pandas",
    "safetensors", "scipy", "sng4onnx", "tensorflow", "tf_keras", "torch", "torchao", "transformers",
)  # fmt: skip
# Placed on the path as `sitecustomize`, it makes parent and workers alike lack the heavy packages.
LACKING = f"""
import importlib.abc, sys
from importlib import metadata

HEAVY = {HEAVY!r}


class Lacking(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


def version(name, real=metadata.version):
    plain = name.replace("-", "_").removesuffix("_gpu").removesuffix("_cpu")
    if plain in HEAVY:
        raise metadata.PackageNotFoundError(name)
    return real(name)


sys.meta_path.insert(0, Lacking())
metadata.version = version
"""


@pytest.fixture(scope="module")
def lacking(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables under which no heavy package is there."""
    folder = tmp_path_factory.mktemp("lacking")
    (folder / "sitecustomize.py").write_text(LACKING)
    return os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


def run(lacking: dict[str, str], folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "convertkit", *map(str, words)]
    return subprocess.run(
        command, env=lacking, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_light_and_heavy_are_all_that_is_required() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    names = {Requirement(line).name for line in re.findall(r'^  "([^"]+)"', block[1], re.MULTILINE)}
    heavy = {name for name in names if name.replace("-", "_").removesuffix("_gpu") in HEAVY}
    assert names == heavy | set(LIGHT)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_help(lacking: dict[str, str], tmp_path: Path, verb: str) -> None:
    done = run(lacking, tmp_path, verb, "--help")
    assert done.returncode == 0, done.stderr
    assert verb in done.stdout


MODEL, SAMPLES = FIXTURES / "digits" / "model.pt2", FIXTURES / "digits" / "samples.npz"


@pytest.mark.parametrize(
    "words",
    [("recipes", "list"), ("recipes", "check", "mobile-int8"), ("inspect", MODEL), ("--version",)],
    ids=lambda words: "-".join(str(word) for word in words[:2]),
)
def test_what_needs_none_of_them_works(lacking: dict[str, str], tmp_path: Path, words: tuple[object]) -> None:
    done = run(lacking, tmp_path, *words)
    assert done.returncode == 0, done.stderr


def test_doctor_says_what_is_missing(lacking: dict[str, str], tmp_path: Path) -> None:
    done = run(lacking, tmp_path, "doctor")
    assert done.returncode == 4, done.stderr
    for stage in ("torch_to_onnx", "onnx_to_savedmodel", "savedmodel_to_tflite", "onnx_to_onnx_int8"):
        line = next(line for line in done.stdout.splitlines() if f" {stage}: " in line)
        assert re.search(r"not installed: .*; run: .* -m pip install ", line)


@pytest.mark.parametrize(
    "words",
    [
        ("convert", MODEL, "--to", "tflite:int8", "--samples", SAMPLES),
        ("convert", FIXTURES / "digits" / "model.torchscript.pt", "--to", "onnx", "--samples", SAMPLES),
        ("validate", MODEL, MODEL, "--samples", SAMPLES),
        ("bench", MODEL, "--samples", SAMPLES),
        ("samples", "check", SAMPLES, "--model", MODEL),
    ],
    ids=lambda words: str(words[0]),
)
def test_the_others_name_what_they_lack_and_the_line(
    lacking: dict[str, str], tmp_path: Path, words: tuple[object]
) -> None:
    done = run(lacking, tmp_path, *words)
    assert done.returncode == 4, done.stderr
    said, hint = [line for line in done.stderr.splitlines() if not line.startswith("…")]
    assert said.endswith("not installed: torch, onnx, onnxscript")
    command = shlex.split(hint.removeprefix("  hint: run: "))
    assert command[1:4] == ["-m", "pip", "install"]
    assert [Requirement(word).name for word in command[4:]] == ["torch", "onnx", "onnxscript"]
    assert list(tmp_path.iterdir()) == []
