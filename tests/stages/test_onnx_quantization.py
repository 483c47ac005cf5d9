"""Graphs that ONNX Runtime's quantizer stumbles over, made all the same, and what was left out said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

pytest.importorskip("onnxruntime")
from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.signature import Arrays
from convertkit.artifacts.tensors import write_npz
from convertkit.config.onnx_options import OnnxToOnnxInt8Options
from convertkit.errors import StageError
from convertkit.graphs.float32 import half_of
from convertkit.registry import parse_variant
from convertkit.runtimes.onnxruntime import load, read_signature
from convertkit.stages import Request
from convertkit.stages.onnx_quantization import Step, without
from convertkit.stages.onnx_to_onnx_int8 import convert
from tests.conftest import sqnr_db

pytestmark = pytest.mark.slow
RANDOM = np.random.default_rng(0)


def f32(*shape: int) -> Any:
    return RANDOM.standard_normal(shape).astype(np.float32)


def graph(text: str, opset: int, ir_version: int = 9, **weights: Any) -> onnx.ModelProto:
    model = onnx.parser.parse_model(f'<ir_version: {ir_version}, opset_import: ["": {opset}]> {text}')
    for name, array in weights.items():
        tensor = numpy_helper.from_array(np.asarray(array), name)
        model.graph.initializer.append(tensor)
        if ir_version < 4:
            model.graph.input.append(helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
    return model


def quantized(folder: Path, model: onnx.ModelProto, samples: Arrays) -> tuple[Artifact, Artifact, str]:
    """The source, what was made of it, and all that was said."""
    source, out, examples = folder / "m.onnx", folder / "m.int8.onnx", folder / "s.npz"
    onnx.save(model, source)
    write_npz(examples, samples)
    before = Artifact(Variant(Format.ONNX), str(source), read_signature(model), half=half_of(model))
    variant = parse_variant("onnx:int8")
    request = Request(before, variant, OnnxToOnnxInt8Options(), out, folder, examples, examples)
    made = convert(request)
    return before, Artifact(variant, str(out), made.signature), "; ".join(made.notes)


def agrees(before: Artifact, after: Artifact, samples: Arrays, least_db: float = 25) -> None:
    assert after.signature == before.signature
    few = {name: values[:5] for name, values in samples.items()}
    wanted, got = (load(artifact, "cpu", 1).run(few) for artifact in (before, after))
    for name, values in wanted.items():
        assert sqnr_db(values, got[name]) > least_db, name


IMAGE = "g (float[unk__0,3,8,8] x) => (float[unk__0,4,h,w] y)"


@pytest.mark.parametrize(
    ("opset", "ir_version", "upsample"),
    [
        (9, 3, 'u = Upsample<mode = "nearest">(c, s)'),
        (9, 6, 'u = Upsample<mode = "linear">(c, s)'),
        (7, 3, "u = Upsample<scales = [1.0, 1.0, 2.0, 3.0]>(c)"),
        (8, 3, "u = Relu(c)"),
    ],
)
def test_an_old_graph_is_raised_and_quantized(
    tmp_path: Path, opset: int, ir_version: int, upsample: str
) -> None:
    text = f"{IMAGE} {{ c = Conv<kernel_shape = [3, 3]>(x, w, b) {upsample} y = LeakyRelu<alpha = 0.1>(u) }}"
    weights = {"w": f32(4, 3, 3, 3) / 3, "b": f32(4)}
    if "(c, s)" in upsample:
        weights["s"] = np.array([1, 1, 2, 2], np.float32)
    samples = {"x": f32(32, 3, 8, 8)}
    before, after, said = quantized(tmp_path, graph(text, opset, ir_version, **weights), samples)
    agrees(before, after, samples)
    assert f"opset {opset} is raised to 13" in said
    assert onnx.load(after.path).opset_import[0].version == 13


def test_a_top_k_that_shape_inference_dies_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    text = """g (float[n,5,3] x) => (float[n,2] v, int64[n,2] i) {
        m = MatMul(x, w) r = ReduceMax<keepdims = 0>(m, last) v, i = TopK<axis = -1>(r, k) }"""
    model = graph(text, 18, w=f32(3, 8), k=np.array([2]), last=np.array([-1]))
    samples = {"x": f32(32, 5, 3)}
    before, after, said = quantized(tmp_path, model, samples)
    assert after.signature == before.signature
    wanted, got = (load(artifact, "cpu", 1).run(samples) for artifact in (before, after))
    assert sqnr_db(wanted["v"], got["v"]) > 25
    assert "made without symbolic shape inference, which failed:" in said
    assert list(elsewhere.iterdir()) == []  # ONNX Runtime leaves the half inferred graph where it is


@pytest.mark.parametrize("out", ["out", "frames_out"])
def test_a_symbol_that_is_renamed_keeps_its_name(tmp_path: Path, out: str) -> None:
    text = f"g (float[batch,t,3] x) => (float[batch,{out},8] y) {{ m = MatMul(x, w) y = Slice(m, a, e, a) }}"
    model = graph(text, 17, w=f32(3, 8), a=np.array([1]), e=np.array([2**62]))
    samples = {"x": f32(32, 4, 3)}
    before, after, _ = quantized(tmp_path, model, samples)
    assert after.signature.outputs[0].shape == ("batch", out, 8)
    agrees(before, after, samples)


def test_a_bias_that_is_a_matrix(tmp_path: Path) -> None:
    model = graph("g (float[n,3] x) => (float[n,8] y) { y = Gemm(x, w, b) }", 17, w=f32(3, 8), b=f32(1, 8))
    samples = {"x": f32(32, 3)}
    before, after, said = quantized(tmp_path, model, samples)
    agrees(before, after, samples)
    assert "made without" not in said  # it is a row, which the quantizer takes once it is a vector


def test_a_table_that_is_looked_up_in_and_multiplied_by(tmp_path: Path) -> None:
    text = """g (int64[n] x) => (float[n,40] y) {
        e = Gather(t, x) h = Tanh(e) u = Transpose<perm = [1,0]>(t) y = MatMul(h, u) }"""
    samples = {"x": RANDOM.integers(0, 40, 64)}
    before, after, _ = quantized(tmp_path, graph(text, 17, t=f32(40, 16)), samples)
    agrees(before, after, samples, 15)


MASKED = """g (KIND[n,6,16] x) => (KIND[n,6,4] y) {
    p = MatMul(x, w) q, k, v = Split<axis = -1>(p, parts) t = Transpose<perm = [0, 2, 1]>(k)
    s = MatMul(q, t) d = Div(s, four) a = Add(d, mask) f = Softmax<axis = -1>(a) o = MatMul(f, v)
    y = MatMul(o, u) }"""


def test_an_attention_mask_in_half_precision_costs_no_more_than_in_float32(tmp_path: Path) -> None:
    weights = {"w": f32(16, 48) / 4, "u": f32(16, 4) / 4, "four": np.float32(4)}
    x, found = f32(64, 6, 16), {}
    for kind, dtype in (("float", np.float32), ("float16", np.float16)):
        mask = np.triu(np.full((6, 6), np.finfo(dtype).min), 1)
        known = {name: np.asarray(array, dtype) for name, array in {**weights, "mask": mask}.items()}
        model = graph(MASKED.replace("KIND", kind), 17, **known, parts=np.array([16, 16, 16]))
        before, after, _ = quantized(tmp_path, model, {"x": x.astype(dtype)})
        wanted, got = (load(each, "cpu", 1).run({"x": x.astype(dtype)})["y"] for each in (before, after))
        found[kind] = sqnr_db(wanted.astype(np.float64), got.astype(np.float64))
    assert found["float16"] > found["float"] - 1
    assert found["float16"] > 25


def test_the_first_reason_is_named_where_nothing_helps() -> None:
    tried: list[dict[str, Any]] = []

    def run(off: dict[str, Any]) -> None:
        tried.append(off)
        raise ValueError(f"reason {len(tried)}")

    with pytest.raises(StageError, match="ValueError: reason 1"):
        without((Step("one", {"a": 1}), Step("two", {"b": 2})), run, tried.append)
    assert tried == [{}, {"a": 1}, {"b": 2}]
