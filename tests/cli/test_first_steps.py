"""What a newcomer meets first: hints for words, the plan of a run, a first recipe, completion."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from convertkit.cli import cli, described
from convertkit.errors import ConvertkitError, MissingDependencyError, NoRouteError, UsageError
from convertkit.recipe import load_recipe
from convertkit.registry import parse_variant
from tests.conftest import FIXTURES, ROOT

MODEL, SAMPLES = FIXTURES / "digits" / "model.pt2", FIXTURES / "digits" / "samples.npz"


def run(*words: object, typed: str = "") -> Result:
    done = CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False, input=typed)
    if done.exception is not None and not isinstance(done.exception, ConvertkitError):
        raise done.exception
    return done


class TestWords:
    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("int8", "did you mean 'tflite:int8'? (or onnx:int8, torch:int8)"),
            ("int8-dynamic", "did you mean 'tflite:int8-dynamic'? (or torch:int8-dynamic)"),
            ("float16", "did you mean 'tflite:float16'?"),
        ],
    )
    def test_a_bare_precision_is_meant_for_tflite_first(self, text: str, hint: str) -> None:
        with pytest.raises(UsageError) as caught:
            parse_variant(text)
        assert caught.value.hint == hint

    @pytest.mark.parametrize("out", ["", "  "])
    def test_a_folder_without_a_name(self, out: str) -> None:
        done = run("convert", MODEL, "--to", "onnx", "-o", out)
        assert isinstance(done.exception, UsageError)
        assert "no name" in str(done.exception)

    def test_a_verb_without_its_argument_names_its_own_help(self) -> None:
        with pytest.raises(click.UsageError) as caught:
            cli.main(["init"], prog_name="convertkit", standalone_mode=False)
        assert described(caught.value)[1] == "run: convertkit init --help"
        with pytest.raises(click.UsageError) as caught:
            cli.main(["covnert"], prog_name="convertkit", standalone_mode=False)
        assert described(caught.value)[1] == "run: convertkit --help"


class TestDryRun:
    def test_names_hops_needs_and_samples_and_makes_nothing(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        done = run("convert", MODEL, "--to", "tflite:int8", "--samples", SAMPLES, "--dry-run")
        assert done.return_value == 0, done.output
        for words in (
            "torch:float32 → onnx:float32 ",
            "savedmodel_to_tflite (",
            "needs torch, onnx, onnxscript; runs in 'torch', 'onnx'",
            "calibration samples; runs in 'tf', 'litert'",
            "samples: 540, of which 128 calibrate and 412 validate",
            "nothing is missing",
        ):
            assert words in done.stdout
        assert list(tmp_path.iterdir()) == []

    def test_as_json(self) -> None:
        done = run("convert", MODEL, "--to", "onnx", "--dry-run", "--json")
        content = json.loads(done.stdout)
        assert [hop["stage"] for hop in content["hops"]] == ["torch_to_onnx"]
        assert content["missing"] == []

    def test_what_is_missing_is_4(self, monkeypatch) -> None:
        monkeypatch.setattr("convertkit.environment.state.installed", lambda python, names: {})
        done = run("convert", MODEL, "--to", "onnx", "--dry-run")
        assert done.return_value == MissingDependencyError.exit_code
        line = next(
            line for line in done.stdout.splitlines() if line.startswith("missing: environment 'torch'")
        )
        assert "not installed: torch, onnx, onnxscript" in line
        assert "pip" in shlex.split(line.partition("; run: ")[2])

    @pytest.mark.parametrize(
        ("words", "kind"),
        [
            ((MODEL, "--to", "tflite:int8"), UsageError),
            ((MODEL, "--to", "torch:float16"), UsageError),
            ((FIXTURES / "digits" / "model.onnx", "--to", "torch:int8"), (NoRouteError, ConvertkitError)),
        ],
    )
    def test_what_is_wrong_is_said_as_by_the_run(self, words: tuple[object], kind: type) -> None:
        assert isinstance(run("convert", *words, "--dry-run").exception, kind)


class TestInit:
    @pytest.fixture(autouse=True)
    def here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def test_flags_ask_nothing(self) -> None:
        flags = ("--to", "tflite:int8", "--samples", SAMPLES, "--static", "--rescue", "-o", "mine.yaml")
        done = run("init", MODEL, *flags)
        recipe = load_recipe("mine.yaml")
        assert (recipe.to, recipe.samples, recipe.static) == (("tflite:int8",), str(SAMPLES), True)
        assert recipe.budget is not None
        assert "since there is no terminal" not in done.stderr
        assert shlex.split(done.stdout.rpartition("run: ")[2])[-2:] == ["--recipe", "mine.yaml"]

    def test_without_a_terminal_defaults_are_said(self) -> None:
        done = run("init", MODEL)
        assert load_recipe("digits.yaml").to == ("tflite:float32",)
        assert done.stderr.count("since there is no terminal to ask on") == 3

    def test_at_most_five_questions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []
        answers = iter(["s.npz", "tflite:int8 onnx", "nets:build"])
        monkeypatch.setattr("convertkit.cli.init.has_terminal", lambda: True)
        monkeypatch.setattr("click.prompt", lambda text, **_: (asked.append(text), next(answers))[1])
        monkeypatch.setattr("click.confirm", lambda text, **_: (asked.append(text), True)[1])
        run("init", FIXTURES / "digits" / "model.safetensors", "-o", "asked.yaml")
        recipe = load_recipe("asked.yaml")
        assert len(asked) == 5
        assert (recipe.to, recipe.factory) == (("tflite:int8", "onnx"), "nets:build")

    def test_a_file_that_is_there_is_kept(self, here: Path) -> None:
        (here / "digits.yaml").write_text("to: [onnx]\n")
        assert "is there already" in str(run("init", MODEL).exception)
        assert (here / "digits.yaml").read_text() == "to: [onnx]\n"
        assert run("init", MODEL, "--force").exception is None
        assert load_recipe("digits.yaml").to == ("tflite:float32",)

    def test_int8_without_samples(self) -> None:
        assert "needs real samples" in str(run("init", MODEL, "--to", "tflite:int8").exception)


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_code_for_each_shell(self, shell: str) -> None:
        text = run("completion", shell).stdout
        assert "_CONVERTKIT_COMPLETE" in text
        if shutil.which(shell):
            subprocess.run([shell, "-n"], input=text, text=True, check=True)

    def test_verbs_and_flags_are_completed(self) -> None:
        asked = {
            "_CONVERTKIT_COMPLETE": "bash_complete",
            "COMP_WORDS": "convertkit convert --dr",
            "COMP_CWORD": "2",
            "PYTHONPATH": str(ROOT),
        }
        code = "import sys; sys.argv[0] = 'convertkit'; from convertkit.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True, check=True
        )
        assert "--dry-run" in done.stdout


def test_an_unknown_shell_is_a_usage_error() -> None:
    with pytest.raises(click.UsageError):
        run("completion", "tcsh")
