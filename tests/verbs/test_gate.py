"""A run judged again by the outputs that it kept: as the run did, stricter, and looser."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from convertkit.artifacts.formats import Precision
from convertkit.cli.gate import command
from convertkit.config.run_settings import GateOptions
from convertkit.delegates.forecast import Delegation, Fallback, Forecast
from convertkit.errors import UsageError
from convertkit.measurement.latency import Latency
from convertkit.report.report import ArtifactRecord, HopRecord, load_report, write_json
from convertkit.validation.accuracy import measure_accuracy
from convertkit.validation.judgement import DynamicAxis
from convertkit.validation.kept import Index, Kept, write_kept
from convertkit.validation.outcome import judge_outputs
from convertkit.validation.tolerance import tolerance_for
from convertkit.verbs.gate import gate_run
from tests.render.conftest import report_of

RNG = np.random.default_rng(0)
SCORES = RNG.standard_normal((40, 6)).astype(np.float32)
LOST = DynamicAxis(input="x", axis=0, name="batch", sizes_checked=(), kept=False)


def with_noise(sqnr_db):
    """The scores with so much noise."""
    noise = RNG.standard_normal(SCORES.shape).astype(np.float32)
    return SCORES + noise * np.float32(
        np.sqrt(np.mean(SCORES**2) / np.mean(noise**2)) * 10 ** (-sqnr_db / 20)
    )


def hop_of(source, target, outputs, previous, **fields):
    """The record of a hop that was judged by its outputs, as a run judges it."""
    precision = Precision(target.partition(":")[2])
    found = judge_outputs(
        {"y": outputs},
        {"y": SCORES},
        {"y": previous},
        tolerance_for(precision, GateOptions()),
        precision,
        None,
        Kept(INDEX, OUTPUTS, {}, {}, np.arange(40)).grounds,
    )
    values = {
        "stage": "onnx_to_x",
        "source": source,
        "target": target,
        "status": "failed" if found.reason else "passed",
        "error": found.reason or None,
        "artifact": ArtifactRecord(path=f"{target}.x", sha256="ab" * 32, size_bytes=1000, size_ratio=0.5),
        "vs_source": found.vs_source,
        "vs_previous": found.vs_previous,
        "exit_code": 7 if found.reason else 0,
    }
    return HopRecord(**{**values, **fields})


GOOD, POOR = with_noise(26.0), with_noise(15.0)
OUTPUTS = {
    "torch:float32": {"y": SCORES},
    "onnx:float32": {"y": SCORES},
    "tflite:int8": {"y": GOOD},
    "tflite:int16x8": {"y": POOR},
}
INDEX = Index(source="torch:float32", variants=tuple(OUTPUTS), samples=40, of=40, gate=GateOptions())


@pytest.fixture
def run(tmp_path):
    """One artifact that passed, one that failed its gate, one that was never made."""
    hops = (
        hop_of("torch:float32", "onnx:float32", SCORES, SCORES),
        hop_of("onnx:float32", "tflite:int8", GOOD, SCORES, dynamic_axes=(LOST,)),
        hop_of("onnx:float32", "tflite:int16x8", POOR, SCORES),
        HopRecord(
            stage="a",
            source="onnx:float32",
            target="onnx:int8",
            status="error",
            error="it crashed",
            exit_code=5,
        ),
    )
    write_json(report_of(*hops, status="failed"), tmp_path / "report.json")
    folder = tmp_path / "outputs"
    folder.mkdir()
    write_kept(Kept(INDEX, OUTPUTS, {}, {}, np.arange(40)), folder)
    return tmp_path


def reasons(gated):
    return {row.variant: row.reason for row in gated.rows}


def test_nothing_set_gives_the_verdicts_of_the_run_itself(run):
    gated, hops = gate_run(run), load_report(run).hops
    for row, hop in zip(gated.rows, hops, strict=True):
        assert (row.variant, row.was, row.reason) == (hop.target, hop.status, hop.error or "")
        assert (row.vs_source, row.vs_previous) == (hop.vs_source, hop.vs_previous)
    assert gated.exit_code == 7
    assert "failed" in {row.was for row in gated.rows}


def test_stricter_fails_what_had_passed(run):
    found = reasons(gate_run(run, ["gate.int8.min_sqnr_db=30"]))
    assert "below 30 dB" in found["tflite:int8"]
    assert found["onnx:float32"] == ""


def test_looser_passes_what_had_failed_and_says_what_nobody_looked_at(run):
    loose = [f"gate.int16x8.{key}=5" for key in ("min_sqnr_db", "min_slice_sqnr_db", "min_sample_sqnr_db")]
    rows = {row.variant: row for row in gate_run(run, [*loose, "gate.int16x8.min_variation_db=0"]).rows}
    assert rows["tflite:int16x8"].reason == ""
    assert "were not checked" in rows["tflite:int16x8"].notes[0]
    assert rows["tflite:int8"].notes == ()
    assert rows["onnx:int8"].reason == "it crashed"


def test_what_a_delegate_leaves_fails_where_it_is_asked_for(run):
    report = load_report(run)
    left = Forecast("gpu", 31, 3, (Fallback("GATHER_ND", 3, "not supported"),))
    told = Delegation(34, (), (Forecast("xnnpack", 34, 1), left))
    hops = [
        msgspec.structs.replace(hop, delegation=told) if hop.target == "tflite:int8" else hop
        for hop in report.hops
    ]
    write_json(msgspec.structs.replace(report, hops=tuple(hops)), run / "report.json")
    fault = "the GPU delegate leaves 3 of 34 operators to the CPU: GATHER_ND x3: not supported"
    gated = gate_run(run, ["gate.delegate=gpu"])
    assert (reasons(gated)["tflite:int8"], reasons(gated)["onnx:float32"]) == (fault, "")
    assert reasons(gate_run(run, ["gate.delegate=xnnpack"]))["tflite:int8"] == ""
    failed = [
        msgspec.structs.replace(hop, status="failed", error=fault) if hop.delegation else hop for hop in hops
    ]
    write_json(msgspec.structs.replace(report, hops=tuple(failed)), run / "report.json")
    assert reasons(gate_run(run))["tflite:int8"] == ""  # asked for by the run alone


def test_what_else_the_gate_may_require(run):
    assert "'batch' was lost" in reasons(gate_run(run, ["gate.require_dynamic_axes=true"]))["tflite:int8"]


@pytest.mark.parametrize(
    "setting", ["bench.rounds=2", "gate.masks.y=x", "gate.nonsense=1", "gate.min_sqnr_db=1"]
)
def test_a_key_that_does_not_judge_is_refused(run, setting):
    with pytest.raises(UsageError):
        gate_run(run, [setting])


def test_the_command_prints_and_ends_as_it_judged(run):
    done = CliRunner().invoke(command, [str(run)], standalone_mode=False)
    assert done.return_value == 7
    last = done.output.splitlines()[-1]
    assert last.startswith("FAILED: tflite:int16x8: output 'y'")
    assert last.endswith("onnx:int8: it crashed")
    assert len(last) > 80
    assert "not judged (error)" in done.output
    done = CliRunner().invoke(command, [str(run), "--json"], standalone_mode=False)
    assert msgspec.json.decode(done.output)["rows"][0]["vs_source"]["verdict"] == "passed"


def test_labels_decide_as_they_did(run):
    labels = SCORES.argmax(-1)
    write_kept(Kept(INDEX, OUTPUTS, {}, {}, np.arange(40), labels), run / "outputs")
    found = {row.variant: row.accuracy for row in gate_run(run).rows}
    assert found["tflite:int8"] == measure_accuracy({"y": SCORES}, {"y": GOOD}, labels)


def test_a_budget_is_held_against_the_figures_of_the_run(run):
    report = load_report(run)
    timed = Latency("cpu", 1, 1, 1.0, (0.9, 1.1))
    hops = [msgspec.structs.replace(hop, latency=(timed,)) for hop in report.hops]
    targets = ("onnx:float32", "tflite:int8")
    write_json(msgspec.structs.replace(report, hops=tuple(hops), targets=targets), run / "report.json")
    over = gate_run(run, ["budget.size_bytes=999"])
    assert "1,000 bytes, more than 999" in reasons(over)["tflite:int8"]
    assert reasons(over)["onnx:float32"] == ""
    rows = {row.variant: row for row in gate_run(run, ["budget.latency_ms=1"]).rows}
    assert "lies within" in rows["tflite:int8"].undecided[0]
    assert rows["onnx:float32"].undecided == ()
    write_json(msgspec.structs.replace(report, targets=()), run / "report.json")
    assert "more than 10" in reasons(gate_run(run, ["budget.size_bytes=10"]))["tflite:int8"]
    write_json(
        msgspec.structs.replace(report, hops=tuple(hops[:2]), targets=targets, status="passed"),
        run / "report.json",
    )
    assert gate_run(run, ["budget.latency_ms=1"]).exit_code == 8
    assert gate_run(run, ["budget.latency_ms=2"]).exit_code == 0


def test_fewer_samples_than_the_run_had_mend_nothing(run):
    loose = [f"gate.int16x8.{key}=5" for key in ("min_sqnr_db", "min_slice_sqnr_db", "min_sample_sqnr_db")]
    loose.append("gate.int16x8.min_variation_db=0")
    assert {row.undecided for row in gate_run(run, loose).rows} == {()}
    kept = Kept(INDEX, OUTPUTS, {}, {}, np.arange(40))
    each = sum(values.nbytes for arrays in OUTPUTS.values() for values in arrays.values()) // 40
    write_kept(kept.first(each * 30), run / "outputs")
    rows = {row.variant: row for row in gate_run(run, loose).rows}
    assert rows["tflite:int16x8"].undecided == (
        "the run failed it by all 40 samples, and kept the outputs of 30",
    )
    assert {row.undecided for name, row in rows.items() if name != "tflite:int16x8"} == {()}
