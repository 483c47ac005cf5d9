"""Whole runs on the shipped models: what passes passes with the figures promised, what fails fails aloud."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

import convertkit
from convertkit.artifacts.signature import Signature
from convertkit.artifacts.tensors import read_npz
from convertkit.report.report import HopRecord, Report, exit_code
from convertkit.storage.store import RECORD, StoredHop, default_root
from convertkit.verbs.gate import gate_run
from tests.conftest import FIXTURES
from tests.delegates.real import check_forecast

pytestmark = pytest.mark.slow

TFLITE = ("tflite:float32", "tflite:float16", "tflite:int8-dynamic", "tflite:int8", "tflite:int16x8")


def run(name: str, out: Path, *to: str, settings: tuple[str, ...] = (), **options: object) -> Report:
    """A run on a shipped model with its samples."""
    return convertkit.convert(
        FIXTURES / name / "model.pt2",
        to=to,
        samples=FIXTURES / name / "samples.npz",
        out=out,
        settings=("bench.rounds=2", "bench.warmup_s=0.01", *settings),
        **options,  # type: ignore[arg-type]
    )


def hop(report: Report, target: str) -> HopRecord:
    """The hop to a target."""
    return next(record for record in report.hops if record.target == target)


def db(record: HopRecord) -> float:
    """Lowest SQNR against the source."""
    assert record.vs_source is not None
    return min(row.sqnr_db for row in record.vs_source.outputs)


def size(record: HopRecord) -> int:
    """Bytes of the artifact."""
    assert record.artifact is not None
    return record.artifact.size_bytes


def is_of_tflite(entry: Path) -> bool:
    """True for what the store keeps of running the INT8 `.tflite`."""
    parts = msgspec.json.decode((entry / RECORD).read_bytes(), type=StoredHop).parts
    return (parts.get("stage"), parts.get("target")) == ("infer", "tflite:int8")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    """The run of `make demo`, and its folder."""
    out = tmp_path_factory.mktemp("digits")
    return run("digits", out, "tflite:float32", "tflite:int8"), out


class TestDigits:
    def test_every_hop_passes_with_the_figures_promised(self, digits: tuple[Report, Path]) -> None:
        report, _ = digits
        assert report.status == "passed"
        for target in ("onnx:float32", "savedmodel:float32", "tflite:float32"):
            assert db(hop(report, target)) >= 60
        integer = hop(report, "tflite:int8")
        assert integer.accuracy is not None
        assert integer.accuracy.drop <= 0.01
        assert integer.accuracy.value >= 0.96
        assert size(integer) <= 0.60 * size(hop(report, "tflite:float32"))

    def test_dynamic_batch_is_kept_and_proven(self, digits: tuple[Report, Path]) -> None:
        for record in digits[0].hops:
            (axis,) = record.dynamic_axes
            assert axis.kept, record.target
            assert len(axis.sizes_checked) == 2
            assert (axis.input, axis.axis, axis.name) == ("image", 0, "batch")

    def test_xnnpack_takes_what_the_report_says(self, digits: tuple[Report, Path]) -> None:
        report, out = digits
        assert check_forecast(report, out) == 2
        told = hop(report, "tflite:int8").delegation
        assert told is not None
        assert told.fault("xnnpack").endswith("HARD_SWISH x4: int8")
        assert gate_run(out, ["gate.delegate=xnnpack"]).exit_code == 7
        assert gate_run(out, ["gate.delegate=gpu"]).exit_code == 0

    def test_a_gate_on_a_delegate_fails_the_hop_at_once(
        self, digits: tuple[Report, Path], tmp_path: Path
    ) -> None:
        report = run("digits", tmp_path, "tflite:int8", gate=("delegate=xnnpack",))
        last = hop(report, "tflite:int8")
        assert (last.status, exit_code(report)) == ("failed", 7)
        assert "HARD_SWISH x4: int8" in (last.error or "")
        assert last.artifact is not None
        assert last.artifact.path.startswith("rejected/")
        assert len(last.attempts) == len(hop(digits[0], "tflite:int8").attempts)  # no other rounding mends it

    def test_report_is_the_contract(self, digits: tuple[Report, Path]) -> None:
        report = json.loads((digits[1] / "report.json").read_bytes())
        assert {
            "schema_version",
            "convertkit",
            "status",
            "source",
            "samples",
            "hops",
            "environment",
        } <= set(report)
        assert set(report["source"]) == {
            "path",
            "format",
            "kind",
            "sha256",
            "size_bytes",
            "inputs",
            "outputs",
            "nonfinite",
            "half",
            "loader",
            "masks",
            "weights_bytes",
        }
        assert report["source"]["nonfinite"] is None
        assert report["source"]["half"] == ""
        assert report["samples"] | {"sha256": ""} == {
            "origin": "file",
            "sha256": "",
            "count": 540,
            "calibration": 128,
            "validation": 412,
            "calibration_sha256": None,
        }
        for record in report["hops"]:
            assert {
                "stage", "source", "target", "status", "cached", "converter", "seconds",
                "peak_rss_bytes", "error", "artifact", "attempts", "vs_source", "vs_previous",
                "accuracy", "dynamic_axes", "latency",
            } <= set(record)  # fmt: skip
            assert set(record["artifact"]) == {
                "path", "sha256", "size_bytes", "size_ratio",
                "weights_bytes", "weights_ratio", "compressed_bytes",
            }  # fmt: skip
            assert (digits[1] / record["artifact"]["path"]).exists()
            assert record["peak_rss_bytes"] > 10_000_000
            cpu, *others = record["latency"]
            assert cpu["device"] == "cpu"
            assert cpu["p50_ci95_ms"][0] <= cpu["p50_ms"] <= cpu["p50_ci95_ms"][1] or cpu["runs"] < 20
            assert [other["device"] for other in others] == ["cuda"] * (
                not record["target"].startswith("tflite")
            )
            assert all("skipped" in other and "p50_ms" not in other for other in others)

    def test_files_have_the_names_that_ship_and_nothing_is_left_over(
        self, digits: tuple[Report, Path]
    ) -> None:
        names = {path.name for path in digits[1].iterdir()}
        assert names == {
            "model.onnx", "model.savedmodel", "model.tflite", "model.int8.tflite", "logs", "repro",
            "report.json", "report.md", "report.html", "junit.xml", "signature.json", "recipe.yaml",
            "vectors", "outputs",
        }  # fmt: skip

    def test_vectors_are_held_out_samples_with_the_sources_outputs(self, digits: tuple[Report, Path]) -> None:
        inputs = read_npz(digits[1] / "vectors" / "inputs.npz")
        outputs = read_npz(digits[1] / "vectors" / "source.npz")
        assert {len(values) for values in (*inputs.values(), *outputs.values())} == {4}
        calibrated = read_npz(digits[1] / "repro" / "calibration.npz")
        for name, values in inputs.items():
            assert not any((sample == calibrated[name]).all(axis=(1, 2, 3)).any() for sample in values)

    def test_signatures_tell_the_axis_order(self, digits: tuple[Report, Path]) -> None:
        entries = {entry["path"]: entry for entry in json.loads((digits[1] / "signature.json").read_bytes())}
        assert entries["model.int8.tflite"]["inputs"][0]["axis_order"] == [0, 2, 3, 1]
        assert entries["model.onnx"]["inputs"][0]["shape"] == ["batch", 1, 8, 8]
        assert msgspec.convert({k: entries["model.onnx"][k] for k in ("inputs", "outputs")}, Signature)

    def test_a_second_run_takes_the_hops_from_the_store_and_gives_the_same_bytes(
        self, digits: tuple[Report, Path], tmp_path: Path
    ) -> None:
        again = run("digits", tmp_path, "tflite:int8")
        assert all(record.cached for record in again.hops)
        assert not list((tmp_path / "logs").glob("*.log"))  # no worker was started
        assert all(record.recalled and record.latency[0].cached for record in again.hops)
        assert again.source_latency[0].cached
        assert again.sandbox == digits[0].sandbox
        for record in again.hops:
            before = hop(digits[0], record.target)
            assert record.vs_source == before.vs_source
            assert record.dynamic_axes == before.dynamic_axes
            assert record.latency[0].rounds_ms == before.latency[0].rounds_ms
        assert len(list((tmp_path / "repro").glob("*.sh"))) == len(again.hops)
        anew = run("digits", tmp_path, "tflite:int8", cache=False)
        assert not any(record.cached for record in anew.hops)
        for record in again.hops:
            for report in (digits[0], anew):
                other = hop(report, record.target)
                assert record.artifact is not None
                assert other.artifact is not None
                assert record.artifact.sha256 == other.artifact.sha256

    def test_another_precision_starts_what_it_needs_and_damage_is_measured_again(
        self, digits: tuple[Report, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = Path(shutil.copytree(default_root(), tmp_path / "store"))
        monkeypatch.setenv("CONVERTKIT_CACHE", str(store))
        files = [path for path in store.glob("*/artifact") if path.is_file() and path.stat().st_size]
        outputs = [path for path in files if is_of_tflite(path.parent)]
        assert outputs
        for path in outputs:
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
        report = run("digits", tmp_path / "out", "tflite:int8", "tflite:float16")
        assert report.status == "passed"
        assert {path.name for path in (tmp_path / "out" / "logs").glob("worker-*")} <= {"worker-tf.log"}
        assert not hop(report, "tflite:float16").recalled
        assert not hop(report, "tflite:int8").recalled
        for target in ("onnx:float32", "savedmodel:float32"):
            assert hop(report, target).recalled
            assert hop(report, target).latency[0].cached
        assert hop(report, "tflite:int8").vs_source == hop(digits[0], "tflite:int8").vs_source
        assert any("damaged in the store" in note for note in report.notes)

    def test_a_replay_script_makes_the_same_artifact(self, digits: tuple[Report, Path]) -> None:
        folder = digits[1]
        script = folder / "repro" / "torch_to_onnx.float32.sh"
        done = subprocess.run([script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-500:]
        assert '"type":"converted"' in done.stdout
        assert (folder / "repro/replayed/model.onnx").read_bytes() == (folder / "model.onnx").read_bytes()


def test_the_mlp_shrinks_to_a_quarter(tmp_path: Path) -> None:
    report = run("mlp", tmp_path, *TFLITE)
    assert report.status == "passed", [record.error for record in report.hops]
    assert size(hop(report, "tflite:int8")) <= 0.27 * size(hop(report, "tflite:float32"))
    assert all(axis.kept for record in report.hops for axis in record.dynamic_axes)
    assert check_forecast(report, tmp_path) == len(TFLITE)


def test_two_inputs_at_every_precision(tmp_path: Path) -> None:
    report = run("two_inputs", tmp_path, *TFLITE, settings=("sampling.calibration=40",))
    assert report.status == "passed", [record.error for record in report.hops]
    assert {axis.input for axis in report.hops[0].dynamic_axes} == {"image", "features"}
    assert check_forecast(report, tmp_path) == len(TFLITE)


def test_the_transformer_reports_what_it_lost_and_what_crashed(tmp_path: Path) -> None:
    settings = (
        "stages.onnx_to_savedmodel.converter=onnx2tf",
        "stages.savedmodel_to_tflite.quantizer=tensorflow",
    )
    report = run("transformer", tmp_path, *TFLITE, settings=settings)
    saved = hop(report, "savedmodel:float32")
    assert saved.status == "passed"
    assert [(a.options["batch"], a.status) for a in saved.attempts] == [
        ("dynamic", "error"),
        ("static", "passed"),
    ]
    assert not saved.dynamic_axes[0].kept
    assert db(saved) >= 60
    crashed = hop(report, "tflite:int16x8")
    assert crashed.status == "error"
    assert "SIGABRT" in (crashed.error or "")
    assert hop(report, "tflite:int8").status == "passed"
    assert exit_code(report) == 5
    assert check_forecast(report, tmp_path) == len(TFLITE) - 1


def test_where_one_quantizer_crashes_the_other_serves(tmp_path: Path) -> None:
    report = run(
        "transformer", tmp_path, "tflite:int16x8", settings=("stages.onnx_to_savedmodel.converter=onnx2tf",)
    )
    last = hop(report, "tflite:int16x8")
    assert (last.status, last.converter) == ("passed", "litert-quantizer")
    assert [(a.converter, a.status, a.kept) for a in last.attempts] == [
        ("TFLiteConverter", "error", False),
        ("litert-quantizer", "passed", True),
    ]
    assert "SIGABRT" in (last.attempts[0].error or "")


def test_the_silently_wrong_options_of_onnx2tf_fail_the_gate(tmp_path: Path) -> None:
    """opset 20, static batch by onnx2tf, keep_shape_absolutely_input_names, no sample data."""
    report = run(
        "transformer",
        tmp_path,
        "savedmodel",
        settings=tuple(
            f"stages.onnx_to_savedmodel.{setting}"
            for setting in (
                "converter=onnx2tf",
                "batch=static",
                "prepare_with=onnx2tf",
                "keep_shape=true",
                "sample_data=false",
            )
        ),
    )
    saved = hop(report, "savedmodel:float32")
    assert saved.status == "failed"
    assert exit_code(report) == 7
    assert saved.artifact is not None
    assert saved.artifact.path == "rejected/model.savedmodel"
    assert (tmp_path / "rejected" / "model.savedmodel" / "saved_model.pb").exists()
    assert not (tmp_path / "model.savedmodel").exists()
    assert saved.vs_source is not None
    assert saved.vs_source.outputs[0].max_abs_error > 0.1


def test_a_gate_that_is_set_too_high_rejects_a_good_artifact(tmp_path: Path) -> None:
    report = run("two_inputs", tmp_path, "tflite:int8", settings=("gate.min_sqnr_db=150",))
    assert [record.status for record in report.hops] == ["failed", "error", "error"]
    assert exit_code(report) == 7
    assert (tmp_path / "rejected" / "model.onnx").exists()


def test_float_gates_without_samples_say_so(tmp_path: Path) -> None:
    report = convertkit.convert(FIXTURES / "mlp" / "model.pt2", to="tflite", out=tmp_path)
    assert report.samples.origin == "synthetic"
    assert report.hops[-1].target == "tflite:float32"
    assert any("synthetic" in note for note in report.notes)


def test_starting_midway_from_onnx_and_from_a_savedmodel(digits: tuple[Report, Path], tmp_path: Path) -> None:
    samples = FIXTURES / "digits" / "samples.npz"
    graph = convertkit.convert(
        digits[1] / "model.onnx", to="tflite:int8", samples=samples, out=tmp_path / "a"
    )
    assert graph.status == "passed", [record.error for record in graph.hops]
    physical = tmp_path / "nhwc.npz"
    arrays = read_npz(samples)
    np.savez(physical, image=arrays["image"].transpose(0, 2, 3, 1), labels=arrays["labels"])
    saved = convertkit.convert(
        digits[1] / "model.savedmodel", to="tflite:float16", samples=physical, out=tmp_path / "b"
    )
    assert saved.status == "passed", [record.error for record in saved.hops]


def test_a_module_in_memory(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3)).train()
    np.savez(tmp_path / "s.npz", input=np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32))
    report = convertkit.convert(model, to="onnx", samples=tmp_path / "s.npz", out=tmp_path / "run")
    assert report.status == "passed"
    assert report.hops[0].dynamic_axes[0].kept
    assert model.training


def test_ctrl_c_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [
        sys.executable, "-m", "convertkit", "convert", str(FIXTURES / "digits" / "model.pt2"),
        "--to", "tflite", "--samples", str(FIXTURES / "digits" / "samples.npz"), "-o", str(out), "--no-cache",
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells ignore it in the background
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "onnx:float32" in line:
            break
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "convertkit: interrupted (SIGINT)"
    assert not psutil.wait_procs(children, timeout=10)[1]
    assert not list(out.glob(".work-*"))
    assert not list(out.glob("*.tflite"))
