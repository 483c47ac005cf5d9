"""The report: its contract, written in one step, read back, and how it decides the exit code."""

import json

import msgspec
import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.environment.versions import Environment
from convertkit.errors import GateError, StageError, UsageError
from convertkit.measurement.latency import Latency
from convertkit.report.report import (
    FILE_NAME,
    SCHEMA_VERSION,
    ArtifactRecord,
    Attempt,
    HopRecord,
    Report,
    SamplesRecord,
    SourceRecord,
    exit_code,
    load_report,
    write_json,
)
from convertkit.run.publish import signature_entry
from convertkit.validation.accuracy import Accuracy
from convertkit.validation.gate import judge
from convertkit.validation.judgement import DynamicAxis, FieldCheck
from convertkit.validation.tolerance import Tolerance

X = TensorSpec("x", "float32", ("batch", 3))
Y = TensorSpec("y", "int8", ("batch", 2), scale=0.5, zero_point=3)
SCORES = np.arange(12, dtype=np.float32).reshape(6, 2)


def hop(**changes):
    record = HopRecord(
        stage="savedmodel_to_tflite",
        source="savedmodel:float32",
        target="tflite:int8",
        status="passed",
        converter="TFLiteConverter",
        seconds=1.5,
        peak_rss_bytes=1000,
        artifact=ArtifactRecord(path="model.int8.tflite", sha256="ab", size_bytes=50, size_ratio=0.5),
        attempts=(
            Attempt(
                converter="TFLiteConverter", options={"io": "int8"}, status="passed", error=None, seconds=1.5
            ),
        ),
        vs_source=judge({"y": SCORES}, {"y": SCORES + 0.25}, Tolerance(20.0)),
        vs_previous=judge({"y": SCORES}, {"y": SCORES}, Tolerance(20.0)),
        accuracy=Accuracy("top1", 0.97, 0.005, "y"),
        dynamic_axes=(DynamicAxis(input="x", axis=0, name="batch", sizes_checked=(1, 3), kept=True),),
        latency=(
            Latency("cpu", 1, 1, 0.5, (0.4, 0.6), 0.7, 0.9, 72, 4096),
            Latency("cuda", skipped="no CUDA device on this machine"),
        ),
        field_runtime=FieldCheck(runtime="tflite_runtime", status="skipped", reason="not installed"),
        notes=("a remark",),
    )
    return msgspec.structs.replace(record, **changes)


def report(*hops, status="passed"):
    return Report(
        convertkit="0.1.0",
        status=status,
        source=SourceRecord(
            path="model.pt2",
            format="torch",
            kind="exported-program",
            sha256="cd",
            size_bytes=100,
            inputs=(X,),
            outputs=(Y,),
        ),
        samples=SamplesRecord(origin="file", sha256="ef", count=40, calibration=10, validation=30),
        hops=hops,
        environment=Environment(
            python="3.11", platform="Linux", cpu="a CPU", gpus=(), packages={"torch": "2.13"}
        ),
    )


# DESIGN §6: fields may be added, none renamed or removed
CONTRACT = {
    "": ["schema_version", "convertkit", "status", "source", "samples", "hops", "environment"],
    "source": ["path", "format", "kind", "sha256", "size_bytes", "inputs", "outputs"],
    "samples": ["origin", "sha256", "count", "calibration", "validation"],
    "environment": ["python", "platform", "cpu", "gpus", "packages"],
    "hops.0": [
        "stage",
        "source",
        "target",
        "status",
        "cached",
        "converter",
        "seconds",
        "peak_rss_bytes",
        "error",
        "artifact",
        "attempts",
        "vs_source",
        "vs_previous",
        "accuracy",
        "dynamic_axes",
        "latency",
    ],
    "hops.0.artifact": ["path", "sha256", "size_bytes", "size_ratio"],
    "hops.0.attempts.0": ["converter", "options", "status", "error", "seconds"],
    "hops.0.vs_source": ["outputs", "verdict", "tolerance"],
    "hops.0.vs_previous": ["outputs", "verdict", "tolerance"],
    "hops.0.vs_source.outputs.0": ["name", "max_abs_error", "rmse", "cosine", "sqnr_db", "top1_agreement"],
    "hops.0.accuracy": ["metric", "value", "drop"],
    "hops.0.dynamic_axes.0": ["input", "axis", "name", "sizes_checked", "kept"],
    "hops.0.latency.0": ["device", "threads", "batch", "p50_ms", "p50_ci95_ms", "p90_ms", "p99_ms", "runs"],
    "hops.0.latency.1": ["device", "skipped"],
    "source.inputs.0": ["name", "dtype", "shape"],
}


@pytest.mark.parametrize("place", CONTRACT)
def test_the_contract_of_report_json(tmp_path, place):
    write_json(report(hop()), tmp_path / FILE_NAME)
    value = json.loads((tmp_path / FILE_NAME).read_text())
    for part in filter(None, place.split(".")):
        value = value[int(part) if part.isdigit() else part]
    assert set(CONTRACT[place]) <= set(value)


def test_the_schema_version_of_this_contract():
    assert SCHEMA_VERSION == 1


def test_what_was_written_is_read_back(tmp_path):
    written = report(hop(), hop(target="tflite:float32", accuracy=None, vs_previous=None))
    write_json(written, tmp_path / FILE_NAME)
    assert load_report(tmp_path) == written
    assert load_report(str(tmp_path / FILE_NAME)) == written
    assert written.is_passed


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_the_report_of_a_broken_artifact_is_read_back(tmp_path, bad):
    broken = judge({"y": SCORES}, {"y": np.full_like(SCORES, bad)}, Tolerance(20.0))
    written = report(hop(status="failed", vs_source=broken, exit_code=7), status="failed")
    write_json(written, tmp_path / FILE_NAME)
    assert load_report(tmp_path) == written
    assert not written.is_passed


def test_fields_of_a_newer_version_are_ignored(tmp_path):
    write_json(report(hop()), tmp_path / FILE_NAME)
    content = json.loads((tmp_path / FILE_NAME).read_text())
    content["new"] = content["hops"][0]["new"] = content["source"]["new"] = {"x": 1}
    (tmp_path / FILE_NAME).write_text(json.dumps(content))
    assert load_report(tmp_path) == report(hop())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"status": "passed"}', b"\xff\xfe"])
def test_a_file_that_is_no_report(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(UsageError, match="is not a report") as caught:
        load_report(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "no/such", "other.json"])
def test_no_report_there(tmp_path, name):
    with pytest.raises(UsageError, match=r"no report\.json there"):
        load_report(tmp_path / name)


def test_a_report_of_another_schema_is_refused(tmp_path):
    write_json(msgspec.structs.replace(report(), schema_version=2), tmp_path / FILE_NAME)
    with pytest.raises(UsageError, match="schema version 2"):
        load_report(tmp_path)


def test_an_unknown_status_is_refused(tmp_path):
    write_json(report(status="fine"), tmp_path / FILE_NAME)
    with pytest.raises(UsageError, match="is not a report"):
        load_report(tmp_path)


def test_writing_replaces_in_one_step_and_leaves_nothing_else(tmp_path):
    path = tmp_path / FILE_NAME
    path.write_text("old and much longer than anything new")
    write_json({"a": 1}, path)
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert [file.name for file in tmp_path.iterdir()] == [FILE_NAME]


def test_a_value_that_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / FILE_NAME
    path.write_text("old")
    with pytest.raises(TypeError):
        write_json({"a": object()}, path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize(
    ("codes", "expected"), [([], 0), ([0, 0], 0), ([0, 7], 7), ([5, 7], 5), ([0, 7, 5], 7), ([8], 8)]
)
def test_the_exit_code_is_that_of_the_first_hop_that_did_not_pass(codes, expected):
    assert exit_code(report(*(hop(exit_code=code) for code in codes))) == expected


def test_signature_entries():
    artifact = Artifact(
        Variant(Format.TFLITE, Precision.INT8), "/run/model.int8.tflite", Signature((X,), (Y,))
    )
    entry = msgspec.to_builtins(signature_entry(artifact, "model.int8.tflite"))
    assert entry["path"] == "model.int8.tflite"
    assert entry["variant"] == "tflite:int8"
    assert entry["outputs"] == (
        {"name": "y", "dtype": "int8", "shape": ("batch", 2), "scale": 0.5, "zero_point": 3},
    )


def test_error_classes_carry_the_codes_of_a_report():
    assert (GateError.exit_code, StageError.exit_code) == (7, 5)
