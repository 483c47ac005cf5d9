"""A whole fleet: its report in three forms, what is left out when it is resumed, and Ray."""

import contextlib
import json
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner

from convertkit import load_report
from convertkit.artifacts.digest import hash_path
from convertkit.cli.fleet import command
from convertkit.errors import MissingDependencyError, UsageError
from convertkit.fleets import fleet as fleets
from convertkit.fleets import ray_engine
from convertkit.fleets.fleet import FleetRequest, run_fleet
from convertkit.render.fleet import render_fleet_junit, render_page
from convertkit.report.fleet import FleetReport, JobRecord, worst_code
from tests.conftest import FIXTURES
from tests.fleets.engine import PASSED, REFUSED, ToldEngine


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a fleet of two jobs: one that will pass, one that is refused."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.onnx").write_bytes(b"good")
    (tmp_path / "fleet.yaml").write_text("out: out\ndefaults: {to: [onnx]}\nmodels: [good.onnx, bad.onnx]")
    return tmp_path


@pytest.fixture
def engine(monkeypatch, folder):
    """In Ray's place: every job passes and leaves a report, but those called `bad`."""

    def outcome(job, number):
        if job.name == "bad":
            return REFUSED
        (folder / job.folder).mkdir(parents=True, exist_ok=True)
        (folder / job.folder / "report.json").write_text("{}")
        return PASSED

    told = ToldEngine(outcome)
    monkeypatch.setattr(fleets, "connected", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(fleets, "RayEngine", lambda *_, **__: told)
    return told


def test_the_exit_code_is_the_worst_and_the_report_has_every_job(engine, folder):
    result = CliRunner().invoke(command, ["fleet.yaml"], standalone_mode=False)
    assert result.return_value == REFUSED.code
    assert "1 of 2 passed, 1 refused" in result.stdout
    report = json.loads((folder / "out/fleet.json").read_text())
    assert [(job["name"], job["status"]) for job in report["jobs"]] == [
        ("good", "passed"),
        ("bad", "refused"),
    ]
    suites = ET.parse(folder / "out/junit.xml").getroot()
    assert (suites.get("tests"), suites.get("errors")) == ("2", "1")
    assert 'href="good/report.html"' not in (folder / "out/fleet.html").read_text()


def test_what_is_done_is_not_done_again(engine, folder):
    request = FleetRequest(folder / "fleet.yaml", is_resumed=True)
    run_fleet(request)
    assert [job.is_kept for job in run_fleet(request).jobs] == [True, True]
    assert dict(engine.tries) == {"good": 1, "bad": 1}
    (folder / "good.onnx").write_bytes(b"better")
    run_fleet(request)
    assert dict(engine.tries) == {"good": 2, "bad": 1}
    (folder / "out/good/report.json").unlink()
    run_fleet(request)
    assert dict(engine.tries) == {"good": 3, "bad": 1}


def test_what_code_of_the_users_makes_is_done_again(engine, folder):
    text = "out: out\ndefaults: {to: [onnx], factory: 'net.py:build'}\nmodels: [good.onnx]"
    (folder / "fleet.yaml").write_text(text)
    request = FleetRequest(folder / "fleet.yaml", is_resumed=True)
    run_fleet(request)
    run_fleet(request)
    assert dict(engine.tries) == {"good": 2}


def test_a_fleet_that_is_interrupted_reports_what_it_had_done(engine, folder):
    def told(record):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_fleet(FleetRequest(folder / "fleet.yaml"), told=told)
    report = json.loads((folder / "out/fleet.json").read_text())
    assert [job["status"] for job in report["jobs"]] == ["passed", "interrupted"]
    assert (report["status"], report["exit_code"]) == ("interrupted", 130)


def test_runs_that_share_a_machine_have_no_latency(engine, folder):
    report = run_fleet(FleetRequest(folder / "fleet.yaml"))
    assert "latency was not measured" in report.latency
    assert "shared the machine" in (folder / "out/.fleet/good.yaml").read_text()


def test_one_fleet_a_folder_at_a_time(engine, folder):
    inner = FleetRequest(folder / "fleet.yaml")
    with pytest.raises(UsageError, match="does the fleet in"):
        run_fleet(inner, told=lambda record: run_fleet(inner))


def test_a_workflow_names_every_job(folder):
    text = CliRunner().invoke(command, ["fleet.yaml", "--emit", "snakemake"], standalone_mode=False).output
    assert '"good": ' in text
    assert "convertkit fleet fleet.yaml --only {wildcards.name:q}" in text


def test_without_ray_the_line_that_installs_it(monkeypatch, folder):
    def missing(name):
        raise ImportError("No module named 'ray'")

    monkeypatch.setattr(ray_engine.importlib, "import_module", missing)
    with pytest.raises(MissingDependencyError, match="convertkit\\[fleet\\]"):
        run_fleet(FleetRequest(folder / "fleet.yaml"))


def test_a_job_that_is_not_there(folder):
    result = CliRunner().invoke(command, ["fleet.yaml", "--only", "god"], standalone_mode=False)
    assert isinstance(result.exception, UsageError)
    assert "did you mean 'good'?" in str(result.exception)


@pytest.mark.parametrize(
    ("codes", "worst"), [([], 0), ([0, 7], 7), ([6, 7, 0], 6), ([8, 5, 6], 5), ([1, 130], 1)]
)
def test_the_worst_exit_code_goes_by_meaning(codes, worst):
    assert worst_code(codes) == worst


def test_names_and_messages_are_no_markup(tmp_path):
    job = JobRecord(
        name="<b>", model="m", folder=str(tmp_path), key="", status="error", exit_code=1, message="<i>\x1b"
    )
    report = FleetReport(
        convertkit="0",
        origin="f",
        status="error",
        exit_code=1,
        jobs=(job,),
        started="",
        seconds=1.0,
        latency="none",
    )
    assert "<i>" not in render_page(report, tmp_path)
    assert ET.fromstring(render_fleet_junit(report)).find("testsuite").get("name") == "<b>"


@pytest.mark.slow
def test_on_ray_a_job_is_a_run_like_any_other(tmp_path, monkeypatch):
    """One model to ONNX and one that is not there, on a Ray of its own; the bytes are a single run's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(FIXTURES.parent))
    model = FIXTURES / "mlp" / "model.pt2"
    entries = f"models: [{{model: {model}, name: mlp}}, nowhere.onnx]"
    (tmp_path / "fleet.yaml").write_text(f"out: out\ndefaults: {{to: [onnx]}}\n{entries}")
    result = CliRunner().invoke(command, ["fleet.yaml", "--jobs", "2", "--json"], standalone_mode=False)
    report = json.loads(result.stdout)
    assert [job["status"] for job in report["jobs"]] == ["passed", "refused"]
    assert result.return_value == 6
    (hop,) = load_report(tmp_path / "out/mlp").hops
    assert hash_path(tmp_path / "out/mlp" / hop.artifact.path)[0] == hop.artifact.sha256
    alone = CliRunner().invoke(command, ["fleet.yaml", "--only", "mlp"], standalone_mode=False)
    assert alone.return_value == 0
    assert load_report(tmp_path / "out/mlp").hops[0].artifact.sha256 == hop.artifact.sha256
    assert load_report(tmp_path / "out/mlp").hops[0].latency[0].skipped.startswith("other jobs")
