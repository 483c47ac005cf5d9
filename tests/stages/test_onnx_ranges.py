"""Ranges of an ONNX graph that are chosen, and products with INT8 weights that compute in float."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays
from convertkit.artifacts.tensors import write_npz
from convertkit.artifacts.transformation import RANGES
from convertkit.config.onnx_options import OnnxToOnnxInt8Options
from convertkit.quantization.ranges import MIN_MAX
from convertkit.quantization.segments import open_session
from convertkit.registry import parse_variant
from convertkit.runtimes.onnxruntime import read_signature
from convertkit.stages import Conversion, Request, onnx_to_onnx_int8
from convertkit.stages.onnx_ranges import MOST_LOST, choose_ranges, hold_weights, named
from tests.conftest import sqnr_db
from tests.quantization.models import graph, initializer, run, weights

pytestmark = pytest.mark.slow

TEXT = """(float[N,8] x) => (float[N,6] y, float[N,6] z) {
    h = MatMul (x, w) r = Relu (h) y = Gemm <transB=1> (r, v, b)
    m = Mul (r, two) s = Exp (m) z = MatMul (s, u)
}"""
CONSTANTS = {
    "w": weights(8, 12, seed=1),
    "v": weights(6, 12, seed=2),
    "b": weights(6, seed=3),
    "u": weights(12, 6, seed=4),
    "two": np.float32(2.0),
}


def calls(count: int = 16) -> list[Arrays]:
    """Calls of 32 rows; rows of what `z` is made of are thousands of times as large as others."""
    return [{"x": weights(32, 8, seed=20 + number, scale=1.0)} for number in range(count)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    onnx.save_model(graph(TEXT, **CONSTANTS), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_every_value_has_a_range(path: Path) -> None:
    found = choose_ranges(path, calls(), ())
    assert set(found.ranges) == {"x", "h", "r", "m", "s", "y", "z"}
    assert {name: len(each.losses) for name, each in found.ranges.items()}["s"] == 1
    assert found.losing == ()
    for name, ends in found.overrides.items():
        assert found.ranges[name].method != MIN_MAX
        assert ends == [
            {"rmin": np.float32(found.ranges[name].low), "rmax": np.float32(found.ranges[name].high)}
        ]


def test_products_that_lose_too_much_are_found_where_the_rest_is_float(path: Path) -> None:
    found = choose_ranges(path, calls(), ("MatMul", "Gemm"))
    assert set(found.ranges) == {"x", "r", "s"}
    assert found.losing == ("z",)
    assert "1 product with INT8 weights computes in float" in found.notes
    (name,) = named(path, found.losing)
    assert next(node for node in onnx.load(path).graph.node if node.name == name).output == ["z"]


def test_some_product_is_in_integers(tmp_path: Path) -> None:
    text = "(float[N,8] x) => (float[N,6] z) { s = Exp (x) z = MatMul (s, u) }"
    onnx.save_model(graph(text, u=weights(8, 6, seed=4)), tmp_path / "model.onnx")
    far = [{"x": 4 * each["x"]} for each in calls()]
    found = choose_ranges(tmp_path / "model.onnx", far, ("MatMul",))
    assert found.ranges["s"].losses[0] > MOST_LOST
    assert found.losing == ()


def test_held_weights_are_integers_of_the_grid(path: Path) -> None:
    model = onnx.load(path)
    before = run(model, **calls()[0])
    assert hold_weights(model, ("y", "z"), 127) == 2
    onnx.checker.check_model(model, full_check=True)
    np.testing.assert_allclose(run(model, **calls()[0]), before, atol=0.05 * np.abs(before).max())
    assert initializer(model, "v_quantized").dtype == np.int8
    assert np.abs(initializer(model, "u_quantized")).max(axis=0).tolist() == [127] * 6
    names = {each.name for each in model.graph.initializer}
    assert "w" in names
    assert not {"v", "u"} & names
    again = onnx.load(path)
    for name, axis in (("v", 1), ("u", 0)):
        scales = np.abs(CONSTANTS[name]).max(axis=axis, keepdims=True) / 127
        on_grid = (np.rint(CONSTANTS[name] / scales) * scales).astype(np.float32)
        next(each for each in again.graph.initializer if each.name == name).CopyFrom(
            onnx.numpy_helper.from_array(on_grid, name)
        )
    np.testing.assert_allclose(run(again, **calls()[0]), run(model, **calls()[0]), atol=1e-5)


def outputs(model: onnx.ModelProto, call: Arrays) -> Arrays:
    session = open_session(model, threads=1)
    return dict(zip(["y", "z"], session.run(["y", "z"], call), strict=True))


def by_stage(path: Path, folder: Path, **options: Any) -> tuple[Conversion, onnx.ModelProto]:
    """What the stage makes of the graph, and its answer."""
    folder.mkdir()
    write_npz(folder / "samples.npz", {"x": weights(64, 8, seed=40, scale=1.0)})
    source = Artifact(parse_variant("onnx"), str(path), read_signature(onnx.load(path)))
    request = Request(
        source,
        parse_variant("onnx:int8"),
        OnnxToOnnxInt8Options(reduce_range=False, **options),
        folder / "int8.onnx",
        folder,
        folder / "samples.npz",
        folder / "samples.npz",
    )
    return onnx_to_onnx_int8.convert(request), onnx.load(request.out)


def test_the_stage_keeps_what_gains(path: Path, tmp_path: Path) -> None:
    plain, before = by_stage(path, tmp_path / "plain", integers="weights", ranges="minmax")
    made, after = by_stage(path, tmp_path / "made", integers="weights")
    assert RANGES not in [each.name for each in plain.transformations]
    gains = {each.name: each.gain_db for each in made.transformations}
    assert gains[RANGES] is not None
    assert gains[RANGES] > 3
    assert "1 product with INT8 weights computes in float" in made.notes
    assert made.signature == plain.signature
    assert any(node.op_type == "QuantizeLinear" for node in before.graph.node)
    held = {tensor.name for tensor in after.graph.initializer if tensor.data_type == onnx.TensorProto.INT8}
    assert {"w_quantized", "v_quantized", "u_quantized"} <= held
    assert not {"w", "v", "u"} & {tensor.name for tensor in after.graph.initializer}
    later = {"x": weights(16, 8, seed=90, scale=1.0)}
    wanted, *got = (outputs(each, later)["z"] for each in (onnx.load(path), before, after))
    assert sqnr_db(wanted, got[1]) > sqnr_db(wanted, got[0]) + 3
