"""Python files of the current folder do not run, whatever they are called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import FIXTURES, ROOT

# What torch, TensorFlow, ONNX Runtime, click and rich import when they need it, or if it is there.
LAZY = """
    optree triton colorama torch_xla torchvision torchaudio functorch sympy mpmath networkx
    opt_einsum tabulate pandas dill hypothesis expecttest scipy numba cupy jax tensorboard
    tensorboardX pydot z3 ml_dtypes onnxscript onnx_ir torch_tensorrt intel_extension_for_pytorch
    habana_frameworks apex deepspeed psutil xmlrunner yaml rich click msgspec PIL resource numexpr
    tqdm cutlass
"""


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """A folder as a cloned repository may be: one file for every name, each leaves a canary."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in LAZY.split():
        code = "import pathlib\npathlib.Path(__file__).with_suffix('.canary').touch()\n"
        (folder / f"{name}.py").write_text(f"{code}raise ImportError(__name__)\n")
    return folder


def sprung(folder: Path) -> list[str]:
    """Names of the files that ran."""
    return sorted(file.stem for file in folder.glob("*.canary"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "targets"),
    [
        ("model.pt2", ["--to", "torch:int8-dynamic", "--to", "savedmodel"]),
        ("model.torchscript.pt", ["--to", "tflite:float32"]),
    ],
)
def test_no_file_of_the_current_folder_runs(
    trapped: Path, tmp_path: Path, file: str, targets: list[str]
) -> None:
    command = [Path(sys.executable).with_name("convertkit"), "convert", FIXTURES / "mlp" / file]
    options = ["--input", "pixels:float32[batch,784]", *targets]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, *options, "-o", tmp_path / "run"], cwd=trapped, env=environment, check=False
    )
    assert done.returncode == 0
    assert sprung(trapped) == []


def test_python_m_takes_the_current_folder_off_the_path(trapped: Path) -> None:
    command = [sys.executable, "-m", "convertkit", "recipes", "list"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=trapped, env=environment, check=True, capture_output=True)
    assert sprung(trapped) == []
