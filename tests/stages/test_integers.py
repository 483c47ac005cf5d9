"""A transformer to INT8: operators with weights are integer ones, the rest computes in float."""

from __future__ import annotations

from typing import Any

import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.graphs.tflite_file import read_operators
from tests.conftest import Lab, fixture_samples, sqnr_db

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def saved(lab: Lab) -> dict[str, Artifact]:
    """A fixture with attention and two without, as SavedModels."""
    models = {}
    for name in ("transformer", "mlp", "digits"):
        samples = fixture_samples(name)
        graph = lab.convert("torch_to_onnx", lab.fixture(name), "onnx", samples)
        models[name] = lab.convert("onnx_to_savedmodel", graph, "savedmodel", samples, {"batch": "dynamic"})
    return models


def made(lab: Lab, saved: dict[str, Artifact], name: str, **options: Any) -> Artifact:
    samples = {key: values[:32] for key, values in fixture_samples(name).items()}
    asked = {"quantizer": "litert", **options}
    return lab.convert("savedmodel_to_tflite", saved[name], "tflite:int8", samples, asked)


def content_of(artifact: Artifact) -> bytes:
    return artifact.file.read_bytes()


def test_attention_computes_in_float_and_loses_less(lab: Lab, saved: dict[str, Artifact]) -> None:
    later = {key: values[32:64] for key, values in fixture_samples("transformer").items()}
    wanted = lab.infer(saved["transformer"], later)
    artifacts = {way: made(lab, saved, "transformer", integers=way) for way in ("auto", "everywhere")}
    figures = {
        way: min(sqnr_db(wanted[key], got[key]) for key in wanted)
        for way, artifact in artifacts.items()
        for got in [lab.infer(artifact, later)]
    }
    assert figures["auto"] > 33
    assert figures["auto"] > figures["everywhere"] + 4
    assert artifacts["auto"].size_bytes <= artifacts["everywhere"].size_bytes
    for operator in read_operators(content_of(artifacts["auto"])):
        if operator.kind in ("FULLY_CONNECTED", "SOFTMAX", "BATCH_MATMUL", "ADD"):
            assert operator.is_float == (operator.kind != "FULLY_CONNECTED"), operator


def test_without_attention_all_that_can_be_is_integer(lab: Lab, saved: dict[str, Artifact]) -> None:
    plain = made(lab, saved, "mlp")
    assert content_of(plain) == content_of(made(lab, saved, "mlp", integers="everywhere"))
    kinds = {one.kind for one in read_operators(content_of(plain)) if one.is_float}
    assert kinds <= {"DEQUANTIZE"}


def test_weights_alone_can_be_asked_for(lab: Lab, saved: dict[str, Artifact]) -> None:
    asked = made(lab, saved, "digits", integers="weights")
    floats = {one.kind for one in read_operators(content_of(asked)) if one.is_float}
    assert not {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"} & floats
    assert "HARD_SWISH" in floats


def test_so_it_is_in_onnx(lab: Lab, saved: dict[str, Artifact]) -> None:
    samples = fixture_samples("transformer")
    graph = lab.convert("torch_to_onnx", lab.fixture("transformer"), "onnx", samples)
    calibration = {key: values[:32] for key, values in samples.items()}
    later = {key: values[32:64] for key, values in samples.items()}
    wanted, figures = lab.infer(graph, later), {}
    for way in ("auto", "everywhere"):
        artifact = lab.convert("onnx_to_onnx_int8", graph, "onnx:int8", calibration, {"integers": way})
        got = lab.infer(artifact, later)
        figures[way] = min(sqnr_db(wanted[key], got[key]) for key in wanted)
    assert figures["auto"] > 31
    assert figures["auto"] > figures["everywhere"] + 2
