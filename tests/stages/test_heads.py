"""Whole runs of detectors whose outputs hold boxes and scores: in INT8 both are there, without a rescue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import convertkit
from convertkit.graphs.tflite_file import operators
from convertkit.report.report import HopRecord, Report
from fixtures import planted
from tests.stages.detector import Detector

pytestmark = pytest.mark.slow

QUICK = ("bench.rounds=2", "bench.warmup_s=0.01", "device=cpu")
QUANTIZERS = ("tensorflow", "litert")


def converted(model: torch.nn.Module, out: Path, *settings: str, **words: object) -> Report:
    """A run to TFLite and ONNX in INT8."""
    np.savez(out / "samples.npz", **planted.samples(96))
    return convertkit.convert(
        model,
        to=("tflite:int8", "onnx:int8"),
        samples=out / "samples.npz",
        out=out / "run",
        settings=(*QUICK, *settings),
        cache=False,
        **words,
    )


def hop_to(report: Report, target: str) -> HopRecord:
    return next(hop for hop in report.hops if hop.target == target)


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_two_outputs_out_of_one_tensor(quantizer: str, tmp_path: Path) -> None:
    setting = f"stages.savedmodel_to_tflite.quantizer={quantizer}"
    report = converted(planted.boxes_and_scores(), tmp_path, setting)
    assert report.is_passed
    for target in ("tflite:int8", "onnx:int8"):
        hop = hop_to(report, target)
        assert hop.vs_source is not None
        assert min(row.sqnr_db for row in hop.vs_source.outputs if row.sqnr_db is not None) >= 35
        assert any(" stay float: a part there has a range 6" in note for note in hop.notes)
    plain = hop_to(converted(planted.boxes_and_scores(), tmp_path, setting, quality="fast"), "tflite:int8")
    apart = hop_to(report, "tflite:int8")
    assert plain.status == "failed"
    assert plain.artifact is not None
    assert apart.artifact is not None
    (done,) = apart.transformations
    assert done.name == "heads"
    assert done.gain_db is not None
    assert done.gain_db > 30
    assert apart.artifact.size_bytes <= 1.05 * plain.artifact.size_bytes


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_one_output_with_boxes_decoded_inside(quantizer: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    report = converted(Detector().eval(), tmp_path, f"stages.savedmodel_to_tflite.quantizer={quantizer}")
    assert report.is_passed
    for target in ("tflite:int8", "onnx:int8"):
        hop = hop_to(report, target)
        assert hop.vs_source is not None
        (row,) = hop.vs_source.outputs
        assert row.sqnr_db is not None
        assert row.sqnr_db > 30
        assert row.worst_slice is not None
        assert row.worst_slice.sqnr_db > 25
        assert any(axis.kept for axis in hop.dynamic_axes)
    content = (tmp_path / "run" / "model.int8.tflite").read_bytes()
    assert "ConvertkitHeld" not in operators(content)
    assert operators(content).count("CONCATENATION") == 5


def test_the_same_bytes_twice(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        report = converted(planted.boxes_and_scores(), tmp_path / name)
        made.append([hop.artifact.sha256 for hop in report.hops if hop.artifact])
    assert made[0] == made[1]


def test_integer_outputs_have_one_scale_anyway(tmp_path: Path) -> None:
    report = converted(planted.boxes_and_scores(), tmp_path, io="int8")
    assert not any("stay float: a part" in note for note in hop_to(report, "tflite:int8").notes)
