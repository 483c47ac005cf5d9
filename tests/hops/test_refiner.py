"""Hops whose weights are rounded with compensation beforehand: when, from what, and what is left behind."""

import subprocess
import sys

import numpy as np
import onnx
import pytest

import convertkit
from convertkit.artifacts.digest import hash_path
from convertkit.workers.pool import Workers
from tests.conftest import FIXTURES

pytestmark = pytest.mark.slow

QUICK = ("bench.rounds=1", "bench.warmup_s=0.01")
SAMPLES = FIXTURES / "digits" / "samples.npz"
BETWEEN_DB = "gate.int8.min_sqnr_db=30.2"  # onnx:int8 of digits: 29.5 by nearest, 30.8 with compensation
OUT_OF_REACH = "gate.int8.min_sqnr_db=90"


def convert(model, out, *settings, **words):
    return convertkit.convert(
        model, samples=SAMPLES, out=out, settings=(*QUICK, *settings), **{"cache": False} | words
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """`onnx:int8` fails by nearest and passes with compensation; `tflite:int8` is made both ways."""
    out = tmp_path_factory.mktemp("run")
    settings = (BETWEEN_DB, "stages.savedmodel_to_tflite.quantizer=tensorflow")
    wanted = ("onnx:int8", "tflite:int8")
    best = "stages.savedmodel_to_tflite.rounding=compensated"
    return out, convert(FIXTURES / "digits" / "model.pt2", out, *settings, best, to=wanted, cache=True)


def hop_of(report, target):
    return next(hop for hop in report.hops if hop.target == target)


def test_compensation_is_tried_where_nearest_does_not_pass(run):
    hop = hop_of(run[1], "onnx:int8")
    assert [(each.options["rounding"], each.status, each.kept) for each in hop.attempts] == [
        ("nearest", "failed", False),
        ("compensated", "passed", True),
    ]
    done = hop.refinement
    assert (done.layers, done.left, done.biases, done.largest) == (10, 0, 10, 64)
    assert done.gain_db == pytest.approx(hop.attempts[1].sqnr_db - hop.attempts[0].sqnr_db)
    assert done.gain_db > 0.5
    assert any(note.startswith("weights of 10 layers rounded with compensation") for note in hop.notes)
    assert hop.attempts[1].size_bytes <= 1.01 * hop.attempts[0].size_bytes


def test_an_unchanged_run_makes_what_failed_no_more_than_what_passed(run, tmp_path, monkeypatch):
    monkeypatch.setattr(Workers, "start", None)
    settings = (BETWEEN_DB, "stages.savedmodel_to_tflite.quantizer=tensorflow")
    best = "stages.savedmodel_to_tflite.rounding=compensated"
    wanted = ("onnx:int8", "tflite:int8")
    again = convert(FIXTURES / "digits" / "model.pt2", tmp_path, *settings, best, to=wanted, cache=True)
    for target in wanted:
        before, now = hop_of(run[1], target), hop_of(again, target)
        assert now.cached
        assert now.artifact == before.artifact
        assert [(each.status, each.error) for each in now.attempts] == [
            (each.status, each.error) for each in before.attempts
        ]


def test_the_savedmodel_between_is_made_anew(run):
    hop = hop_of(run[1], "tflite:int8")
    assert hop.status == "passed"
    assert (hop.refinement.largest, hop.refinement.gain_db) == (127, None)
    assert hop_of(run[1], "savedmodel:float32").refinement is None


def test_a_replay_starts_from_the_refined_source_and_nothing_else_is_left(run):
    out, report = run
    left = sorted(str(path.relative_to(out)) for path in (out / "repro" / "refined").glob("*/*"))
    assert left == ["repro/refined/127/model.savedmodel", "repro/refined/64/model.onnx"]
    for script, name in [
        ("onnx_to_onnx_int8.int8.sh", "model.int8.onnx"),
        ("savedmodel_to_tflite.int8.sh", "model.int8.tflite"),
    ]:
        command = ["sh", str(out / "repro" / script)]
        done = subprocess.run(command, env={"PYTHON": sys.executable}, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        assert hash_path(out / "repro" / "replayed" / name) == hash_path(out / name)
    assert report.is_passed


def test_a_second_run_takes_the_refined_graph_from_the_store_and_gives_the_same_bytes(run, tmp_path):
    settings = (
        BETWEEN_DB,
        "stages.onnx_to_onnx_int8.calibration=percentile",
    )
    report = convert(FIXTURES / "digits" / "model.pt2", tmp_path, *settings, to="onnx:int8", cache=True)
    assert hop_of(report, "onnx:int8").refinement.cached
    refined = "repro/refined/64/model.onnx"
    assert hash_path(tmp_path / refined) == hash_path(run[0] / refined)


def test_high_quality_keeps_the_better_of_both(run, tmp_path):
    settings = ("stages.savedmodel_to_tflite.quantizer=tensorflow",)
    report = convert(run[0] / "model.onnx", tmp_path, *settings, to="tflite:int8", quality="high")
    hop = hop_of(report, "tflite:int8")
    figures = {each.options["rounding"]: each for each in hop.attempts}
    assert set(figures) == {"nearest", "compensated"}
    kept = next(each for each in hop.attempts if each.kept)
    assert kept.sqnr_db >= figures["nearest"].sqnr_db
    assert (hop.refinement is not None) == (kept is figures["compensated"])
    assert (tmp_path / "repro" / "refined").exists() == (kept is figures["compensated"])


def test_fast_quality_rounds_to_nearest_alone(run, tmp_path):
    report = convert(run[0] / "model.onnx", tmp_path, OUT_OF_REACH, to="onnx:int8", quality="fast")
    assert [each.options["rounding"] for each in hop_of(report, "onnx:int8").attempts] == ["nearest"]
    assert not report.is_passed


def test_without_a_graph_there_is_nothing_to_round(run, tmp_path):
    source, quantizer = run[0] / "model.savedmodel", "stages.savedmodel_to_tflite.quantizer=tensorflow"
    order = "sampling.axis_order=channels-first"
    words = {"to": "tflite:int8", "allow_code": True}
    report = convert(source, tmp_path / "auto", OUT_OF_REACH, quantizer, order, **words)
    assert [each.options["rounding"] for each in report.hops[0].attempts] == ["nearest"]
    named = "stages.savedmodel_to_tflite.rounding=compensated"
    report = convert(source, tmp_path / "named", quantizer, named, order, **words)
    assert "needs an ONNX graph, savedmodel:float32 came in" in report.hops[0].error


def test_a_graph_that_has_nothing_to_round_says_so_once(tmp_path):
    """Its weights are computed."""
    random = np.random.default_rng(0)
    model = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["": 20]> g (float[batch,8] x) => (float[batch,64] y) '
        "{ k = Add (t, t) y = MatMul (x, k) }"
    )
    weights = random.normal(size=(8, 64)).astype(np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(weights, "t"))
    onnx.save_model(model, str(tmp_path / "m.onnx"))
    np.savez(tmp_path / "s.npz", x=random.normal(size=(64, 8)).astype(np.float32))
    words = {"samples": tmp_path / "s.npz", "settings": (*QUICK, OUT_OF_REACH), "cache": False}
    report = convertkit.convert(tmp_path / "m.onnx", to="tflite:int8", out=tmp_path / "run", **words)
    hop = hop_of(report, "tflite:int8")
    assert [each.error for each in hop.attempts[2:]] == [hop.attempts[2].error] * 2
    assert "no weights that rounding could be improved for" in hop.attempts[2].error
    assert "90 dB" in hop.error
    assert (tmp_path / "run" / "logs" / "refine.log").read_text().count("Traceback") == 1
