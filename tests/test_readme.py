"""The README's commands run as they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from convertkit.cli import VERBS
from tests.conftest import FIXTURES, ROOT

README = (ROOT / "README.md").read_text()


def usage_commands() -> list[str]:
    """Every `convertkit …` line of the shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("convertkit ")]


def test_every_verb_is_shown() -> None:
    shown = {command.split()[1] for command in usage_commands()}
    assert set(VERBS) <= shown


def test_every_make_target_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE)) == {"demo", "test"} <= targets


@pytest.mark.slow
def test_the_commands_run_in_order(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "digits" / "model.pt2", tmp_path / "classifier.pt2")
    shutil.copy(FIXTURES / "digits" / "model.safetensors", tmp_path / "weights.safetensors")
    shutil.copy(FIXTURES / "digits" / "samples.npz", tmp_path)
    (tmp_path / "my_models.py").write_text("from fixtures.models import digits as build\n")
    (tmp_path / "fleet.yaml").write_text("models: [{model: classifier.pt2, to: [onnx]}]\n")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    for command in usage_commands():
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-800:]}\n{done.stderr[-800:]}"
    assert (tmp_path / "build" / "classifier" / "model.int8.tflite").exists()
    assert (tmp_path / "build" / "mcu" / "model.int8.tflite").exists()
