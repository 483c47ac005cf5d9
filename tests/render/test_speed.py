"""What a buyer is told of speed: beside the float artifact of the same format, then beside the source."""

from __future__ import annotations

import msgspec
import pytest

from convertkit.measurement.latency import Latency, Versus, compare
from convertkit.render import render
from convertkit.render.facts import facts
from convertkit.render.speed import describe_versus, speeds
from convertkit.render.verdict import verdict_line
from convertkit.report.report import ArtifactRecord

from .conftest import cpu, onnx_hop, report_of, savedmodel_hop, tflite_hop

SOURCE = "torch:float32"


def said(one, other, name=SOURCE):
    versus = compare(one, other, name)
    return "" if versus is None else describe_versus(versus, SOURCE)


def float_hop(p50):
    artifact = ArtifactRecord(path="model.tflite", sha256="ab" * 32, size_bytes=9000, size_ratio=0.06)
    return tflite_hop(accuracy=None, latency=(cpu(p50),), target="tflite:float32", artifact=artifact)


def int8_hop(p50, **fields):
    return tflite_hop(latency=(cpu(p50),), **fields)


def test_words():
    assert said(cpu(0.1), cpu(0.5)) == "5.0× as fast as the source [4.8–5.3]"
    assert said(cpu(0.5), cpu(0.1)) == "5.0× slower than the source [4.8–5.3]"
    assert said(cpu(0.5), cpu(0.1), "tflite:float32") == "5.0× slower than tflite:float32 [4.8–5.3]"
    assert said(cpu(0.1), cpu(0.101)) == "no measurable difference from the source"
    assert said(cpu(0.5), cpu(0.1, batch=8)) == ""
    assert said(cpu(0.5), Latency("cpu", skipped="no")) == ""
    assert said(None, cpu(0.1)) == ""


@pytest.mark.parametrize(
    ("versus", "words"),
    [
        (Versus("tflite:float32", 1.04, (1.02, 1.06), "slower"), "4 % slower than tflite:float32 [2–6]"),
        (Versus(SOURCE, 1 / 1.04, (1 / 1.06, 1 / 1.02), "faster"), "4 % faster than the source [2–6]"),
        (Versus(SOURCE, 0.02, (0.01, 0.04), "faster"), "50× as fast as the source [25–100]"),
    ],
)
def test_small_differences_are_percent_and_large_ones_have_no_decimals(versus, words):
    assert describe_versus(versus, SOURCE) == words


def test_a_slower_int8_stands_before_all_figures():
    report = report_of(onnx_hop(), savedmodel_hop(), float_hop(0.1), int8_hop(0.36), targets=("tflite:int8",))
    line = verdict_line(report)
    assert line.startswith(
        "PASSED: model.int8.tflite ships, but int8 is 3.6× slower than float32 here [3.4–3.8]: 35.2 kB"
    )
    assert "p50 0.360 ms on the CPU (1.4× as fast as the source [1.3–1.5])" in line


def test_a_faster_int8_is_held_beside_float32_first():
    report = report_of(onnx_hop(), savedmodel_hop(), float_hop(0.3), int8_hop(0.1), targets=("tflite:int8",))
    assert speeds(report, report.hops[-1]) == [
        "3.0× as fast as tflite:float32 [2.9–3.2]",
        "5.1× as fast as the source [4.9–5.4]",
    ]
    assert "but" not in verdict_line(report)


def test_without_a_float_artifact_the_source_is_all_there_is():
    line = verdict_line(report_of(onnx_hop(), savedmodel_hop(), int8_hop(1.0), targets=("tflite:int8",)))
    assert "but tflite:int8 is 2.0× slower than the source here [1.9–2.1]" in line


def test_several_artifacts_are_told_apart():
    to = ("tflite:float32", "tflite:int8")
    slow = report_of(onnx_hop(), savedmodel_hop(), float_hop(0.1), int8_hop(0.36), targets=to)
    line = verdict_line(slow)
    assert "but tflite:int8 is 3.6× slower than tflite:float32 here [3.4–3.8]:" in line
    assert line.endswith(": tflite:int8 is 1.4× as fast as the source [1.3–1.5].")
    fast = report_of(onnx_hop(), savedmodel_hop(), float_hop(0.36), int8_hop(0.1), targets=to)
    told = "3.6× as fast as tflite:float32 [3.4–3.8] and 5.1× as fast as the source [4.9–5.4]"
    assert verdict_line(fast).endswith(f"ship: tflite:int8 is {told}.")


def test_a_slower_float_artifact_is_no_matter_of_precision():
    report = report_of(onnx_hop(latency=(cpu(1.0),)))
    assert "but" not in verdict_line(report)
    assert "2.0× slower than the source [1.9–2.1]" in verdict_line(report)


def test_a_difference_that_hardly_matters_is_no_loss():
    near = tuple(Latency("cpu", 1, 1, p50, (p50, p50)) for p50 in (0.104, 0.1))
    report = report_of(
        savedmodel_hop(),
        tflite_hop(latency=near[:1]),
        tflite_hop(target="tflite:float32", latency=near[1:]),
        targets=("tflite:int8",),
    )
    assert "but" not in verdict_line(report)
    assert "4 % slower than tflite:float32" in verdict_line(report)


@pytest.mark.parametrize("form", ["table", "markdown", "html"])
def test_every_form_has_both_comparisons(form):
    report = report_of(onnx_hop(), savedmodel_hop(), float_hop(0.1), int8_hop(0.36), targets=("tflite:int8",))
    text = render(report, form)
    assert "int8 is 3.6× slower than float32 here" in text
    assert "1.4× as fast as the source" in text


def test_a_slower_artifact_is_a_warning_among_the_facts():
    report = report_of(onnx_hop(), savedmodel_hop(), float_hop(0.1), int8_hop(0.36), targets=("tflite:int8",))
    tones = {fact.label: fact.tone for fact in facts(report, report.hops[-1])}
    assert tones["p50 latency, cpu"] == "warning"


@pytest.mark.parametrize("form", ["table", "markdown", "html"])
def test_every_form_has_the_source_by_torch_compile(form):
    compiled = msgspec.structs.replace(cpu(0.255), compiled="default", compile_s=12.34)
    refused = Latency("cpu", skipped="no g++", compiled="max-autotune")
    report = report_of(onnx_hop(), source_latency=(cpu(0.51), compiled, refused))
    text = render(report, form)
    assert "torch.compile default on cpu: p50 0.255 ms" in text
    assert "after 12.3 s of compiling" in text
    assert "torch.compile max-autotune on cpu: skipped, no g++" in text
    assert "latency of the source on cpu skipped" not in text
