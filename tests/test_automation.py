"""The action, the image and the hook: they name what there is, and hand on what they are given."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from convertkit.cli.convert import command as convert
from convertkit.cli.recipes import command as recipes
from convertkit.registry import ENVIRONMENTS
from tests.conftest import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEP = ACTION["runs"]["steps"][-1]
STAND_IN = """#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word"; done > "$WORDS"
mkdir -p out && echo '{"status": "failed"}' > out/report.json
exit 7
"""


@pytest.fixture
def act(tmp_path: Path):
    """Runs the step that converts; gives the words that `convertkit` got, the exit code and the outputs."""
    stand_in = tmp_path / "bin" / "convertkit"
    stand_in.parent.mkdir()
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)

    def acted(**given: str) -> tuple[list[str], int, str]:
        values = dict.fromkeys(STEP["env"], "") | {"OUT": "out"} | given
        path = f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}"
        files = {"WORDS": str(tmp_path / "words"), "GITHUB_OUTPUT": str(tmp_path / "outputs")}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEP["run"]],
            cwd=tmp_path,
            env={"PATH": path, **files, **values},
            check=False,
        )
        return (
            (tmp_path / "words").read_text().splitlines(),
            done.returncode,
            (tmp_path / "outputs").read_text(),
        )

    return acted


def test_the_action_hands_on_what_it_is_given(act) -> None:
    words, code, outputs = act(
        MODEL="a b.pt2", TO="onnx\ntflite:int8", SAMPLES="s.npz", ARGUMENTS="--set 'a=b c' -v"
    )
    assert words[:6] == ["convert", "a b.pt2", "--to", "onnx", "--to", "tflite:int8"]
    assert words[6:] == ["--samples", "s.npz", "--set", "a=b c", "-v", "-o", "out"]
    assert (code, outputs) == (7, "status=failed\n")


def test_the_action_executes_nothing_that_it_is_given(act, tmp_path: Path) -> None:
    act(
        MODEL="$(touch one)",
        TO="`touch two`",
        ARGUMENTS="; touch three $(touch four)",
        SAMPLES="$(touch five)",
    )
    assert not {"one", "two", "three", "four", "five"} & {path.name for path in tmp_path.iterdir()}


def test_the_action_uses_flags_and_inputs_that_there_are() -> None:
    flags = {flag for option in convert.params for flag in option.opts}
    assert set(re.findall(r"(?<=\()(--[a-z]+)|\s(-o)\s", STEP["run"])) <= {(flag, "") for flag in flags} | {
        ("", "-o")
    }
    assert {value.split(".")[1].split()[0] for value in STEP["env"].values()} == set(ACTION["inputs"])


def test_the_image_copies_what_there_is() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [path for line in lines if line.startswith("COPY ") for path in line.split()[1:-1]]
    assert copied
    assert all((ROOT / path).exists() for path in copied)
    named = re.search(r"CONVERTKIT_PYTHON_(\w+)=", "\n".join(lines))
    assert named is not None
    assert named[1].lower() in {row.name for row in ENVIRONMENTS}


def test_the_hook_takes_several_recipes() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    files = sorted(map(str, (ROOT / "recipes").glob("*.yaml")))
    assert all(re.search(hook["files"], str(Path(file).relative_to(ROOT))) for file in files)
    result = CliRunner().invoke(recipes, [*hook["entry"].split()[2:], *files])
    assert (result.exit_code, result.output) == (0, "OK\n")
