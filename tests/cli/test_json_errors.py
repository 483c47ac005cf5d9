"""Errors where JSON was asked for; the summary of a GitHub job's step."""

from __future__ import annotations

import msgspec
import pytest

from convertkit import cli
from convertkit.cli.step_summary import add_step_summary
from convertkit.errors import UsageError
from tests.render.conftest import HOSTILE, onnx_hop, report_of


@pytest.mark.parametrize(
    "words",
    [
        ["convert", "no-such.pt2", "--to", "onnx", "--json"],
        ["validate", "no-such.pt2", "--json"],
        ["gate", "no-such", "--json"],
        ["bench", "no-such.onnx", "--json"],
        ["compare", "no-such", "neither", "--json"],
        ["inspect", "--json", "no-such.onnx"],
        ["blame", "no-such", "--json"],
        ["samples", "check", "no-such.npz", "--json"],
        ["report", "no-such", "--format", "json"],
        ["report", "no-such", "--format=json"],
        ["store", "lst", "--json"],
        ["doctor", "--jsn", "--json"],
    ],
    ids=lambda words: "-".join(words[:2]),
)
def test_an_error_is_json_too(monkeypatch, capsys, words):
    monkeypatch.setattr("sys.argv", ["convertkit", *words])
    monkeypatch.setattr(cli, "stop_on_signals", lambda: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    error = msgspec.json.decode(said.out)["error"]
    assert ended.value.code == error["exit_code"] != 0
    assert said.err.splitlines()[-2 if error["hint"] else -1] == f"convertkit: {error['message']}"


@pytest.mark.parametrize(
    "words", [["convert", "x"], ["inspect", "--", "--json"], ["report", "--format", "html"]]
)
def test_else_it_is_the_line_alone(monkeypatch, capsys, words):
    monkeypatch.setattr("sys.argv", ["convertkit", *words])
    assert cli.told(UsageError("it is wrong", hint="do better")) == 2
    assert capsys.readouterr().out == ""


def test_a_job_on_github_gets_a_summary(monkeypatch, tmp_path):
    add_step_summary(report_of(onnx_hop()))  # nowhere else
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    for _ in range(2):
        add_step_summary(report_of(onnx_hop(), notes=(HOSTILE,)))
    text = file.read_text()
    assert text.startswith("before\n### PASSED: model.onnx ships")
    assert text.count("### PASSED") == 2
    assert "80.2 kB" in text
    assert "<script>" not in text


def test_where_it_cannot_be_written_the_run_goes_on(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    add_step_summary(report_of(onnx_hop()))
    assert "no summary of the step" in capsys.readouterr().err
