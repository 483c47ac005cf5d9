"""A transformer to INT8: operators with weights are integer ones, the rest computes in float."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Signature
from convertkit.artifacts.tensors import write_npz
from convertkit.artifacts.transformation import INTEGERS, Transformation
from convertkit.config.onnx_options import OnnxToOnnxInt8Options
from convertkit.errors import StageError
from convertkit.graphs.tflite_file import read_operators
from convertkit.registry import parse_variant
from convertkit.stages import Conversion, Request
from tests.conftest import Lab, fixture_samples, sqnr_db
from tests.lowering.oracle import parse

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


@pytest.mark.parametrize(("gained", "is_all"), [(-3.0, True), (-0.5, False), (None, False)])
def test_onnx_takes_all_in_integers_where_calibration_keeps_more_by_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gained: float | None, is_all: bool
) -> None:
    from convertkit.runtimes.onnxruntime import read_signature
    from convertkit.stages import onnx_to_onnx_int8

    random = np.random.default_rng(0)
    weights = {name: random.standard_normal((8, 8)).astype(np.float32) for name in ("v", "w")}
    text = """g (float[N,4,8] x) => (float[N,4,8] z) {
        q = MatMul(x, v) t = Transpose<perm = [0, 2, 1]>(q) s = MatMul(q, t) p = Softmax(s)
        a = MatMul(p, q) r = Relu(a) z = MatMul(r, w)
    }"""
    model = parse(text, 17, **weights)
    onnx.save(model, tmp_path / "model.onnx")
    write_npz(tmp_path / "samples.npz", {"x": random.standard_normal((32, 4, 8)).astype(np.float32)})
    source = Artifact(parse_variant("onnx"), str(tmp_path / "model.onnx"), read_signature(model))
    files = [tmp_path / "samples.npz"] * 2
    options, out = OnnxToOnnxInt8Options(rounding="nearest", ranges="minmax"), tmp_path / "int8.onnx"
    monkeypatch.setattr(onnx_to_onnx_int8, "gain_over", lambda *given: gained)
    made = onnx_to_onnx_int8.convert(
        Request(source, parse_variant("onnx:int8"), options, out, tmp_path, *files)
    )
    is_fused = "Relu" not in {
        node.op_type for node in onnx.load(out).graph.node
    }  # by the range it is read in
    assert is_fused == is_all
    assert any("3.0 dB more with all in integers" in note for note in made.notes) == is_all
    assert ("integers" in [each.name for each in made.transformations]) != is_all


def test_onnx_keeps_what_is_made_where_all_in_integers_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    from convertkit.stages import onnx_to_onnx_int8

    def converted(request: Request[OnnxToOnnxInt8Options]) -> Conversion:
        if request.options.integers == "everywhere":
            raise StageError("no kernel")
        return Conversion(Signature((), ()), transformations=(Transformation(INTEGERS, 1.0, -3.0),))

    monkeypatch.setattr(onnx_to_onnx_int8, "converted", converted)
    variant, here = parse_variant("onnx:int8"), Path()
    source = Artifact(parse_variant("onnx"), "model.onnx", Signature((), ()))
    request = Request(source, variant, OnnxToOnnxInt8Options(), here, here, here, here)
    assert onnx_to_onnx_int8.convert(request).transformations[0].gain_db == -3
