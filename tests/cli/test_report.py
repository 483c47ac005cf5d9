from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from convertkit import errors
from convertkit.cli import STOPPING, VERBS, cli
from convertkit.environment.versions import Environment
from convertkit.errors import UsageError
from convertkit.report.report import HopRecord, Report, SamplesRecord, SourceRecord, write_json


def example(status: Any = "failed") -> Report:
    return Report(
        convertkit="0.1.0",
        status=status,
        source=SourceRecord(
            path="model.pt2",
            format="torch",
            kind="exported-program",
            sha256="0" * 64,
            size_bytes=1000,
            inputs=(),
            outputs=(),
        ),
        samples=SamplesRecord(origin="file", sha256="1" * 64, count=8, calibration=2, validation=6),
        hops=(
            HopRecord(
                stage="torch_to_onnx",
                source="torch:float32",
                target="onnx:float32",
                status=status,
                seconds=1.5,
                error="output 'y': SQNR 3.0 dB" if status == "failed" else None,
                exit_code=7 if status == "failed" else 0,
            ),
        ),
        environment=Environment(python="3.11", platform="Linux", cpu="a cpu", gpus=(), packages={}),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_json(example(), tmp_path / "report.json")
    return tmp_path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["report", *map(str, arguments)], standalone_mode=False)


@pytest.mark.parametrize("form", ["table", "json", "markdown", "html", "junit"])
def test_every_format_names_the_hop_and_what_went_wrong(folder: Path, form: str) -> None:
    result = run(folder, "--format", form)
    assert result.exception is None
    assert "onnx:float32" in result.output
    assert "SQNR 3.0 dB" in result.output.replace("&#x27;", "'").replace("&#39;", "'")
    assert result.output.endswith("\n")


def test_json_is_the_report_as_it_was_written(folder: Path) -> None:
    output = run(folder, "--format", "json").output
    assert json.loads(output) == json.loads((folder / "report.json").read_text())


def test_junit_is_xml(folder: Path) -> None:
    root = ElementTree.fromstring(run(folder, "--format", "junit").output)
    assert next(root.iter("testcase"), None) is not None


def test_a_report_json_will_do_instead_of_its_folder(folder: Path) -> None:
    assert run(folder / "report.json").output == run(folder).output != ""


def test_a_file_gets_what_would_have_been_printed(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "again.md"
    result = run(folder, "--format", "markdown", "--output", file)
    assert result.output == ""
    assert file.read_text(encoding="utf-8") == run(folder, "--format", "markdown").output
    assert not list(tmp_path.glob("*.partial"))


def test_a_file_that_cannot_be_written(folder: Path) -> None:
    error = run(folder, "--output", folder / "no" / "such" / "folder").exception
    assert isinstance(error, UsageError)
    assert "cannot write" in error.message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no report.json there"),
        ("{", "is not a report"),
        ('{"schema_version": 1}', "is not a report"),
    ],
)
def test_what_is_no_report(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    error = run(tmp_path).exception
    assert isinstance(error, UsageError)
    assert message in error.message


def test_the_run_s_own_status_is_not_the_exit_code(folder: Path) -> None:
    answer = subprocess.run([sys.executable, "-m", "convertkit", "report", str(folder)], capture_output=True)
    assert answer.returncode == 0
    assert answer.stdout


def test_an_unknown_format_is_a_usage_error(folder: Path) -> None:
    command = [sys.executable, "-m", "convertkit", "report", str(folder), "--format", "htm"]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 2
    assert "htm" in answer.stderr


def test_the_docs_know_every_exit_code_and_every_verb() -> None:
    text = (Path(__file__).parents[2] / "docs" / "exit-codes.md").read_text(encoding="utf-8")
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in classes if issubclass(kind, errors.ConvertkitError)}
    rows = [line for line in text.splitlines() if re.match(r"\| \d", line)]
    listed = {int(row.split("|")[1]) for row in rows}
    assert listed == {0} | codes | {128 + number for number in STOPPING}
    for verb in VERBS:
        assert f"`{verb}" in text
