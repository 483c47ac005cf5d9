"""A graph in half precision computes in float32 and keeps its float16 edges."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest

from convertkit.graphs.float32 import half_of, in_float32, nodes_of

ort = pytest.importorskip("onnxruntime")
X = np.random.default_rng(5).standard_normal((6, 4)).astype(np.float16)
W = np.random.default_rng(6).standard_normal((4, 4)).astype(np.float32)
HEAD = '<ir_version: 9, opset_import: ["" : 20]>'
LAYER = (
    HEAD
    + """g (float16[n,4] x) => (float16[n,4] y, float[n,4] z) {
    h = MatMul(x, w) y = Relu(h) s = Add(y, h) z = Cast<to = 1>(s) }"""
)
BRANCHES = (
    HEAD
    + """g (float[n,4] x, bool c) => (float[n,4] y) {
    h = Cast<to = 10>(x)
    b = If(c) <
        then_branch = t () => (float16[n,4] p) { p = MatMul(h, w) },
        else_branch = e () => (float16[n,4] q) {
            two = Constant<value = float[1] {2.0}>() r = Cast<to = 10>(two) q = Mul(h, r) }>
    y = Cast<to = 1>(b) }"""
)


def parse(text: str, dtype: Any = np.float16) -> onnx.ModelProto:
    model = onnx.parser.parse_model(text)
    model.graph.initializer.append(onnx.numpy_helper.from_array(W.astype(dtype), "w"))
    return model


def run(model: onnx.ModelProto, **inputs: Any) -> list[Any]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, inputs))


def test_values_are_those_of_float32_and_edges_stay_float16() -> None:
    made = in_float32(parse(LAYER))
    onnx.checker.check_model(made, full_check=True)
    y, z = run(made, x=X)
    product = X.astype(np.float32) @ W.astype(np.float16).astype(np.float32)
    assert y.dtype == np.float16
    np.testing.assert_array_equal(y, np.maximum(product, 0).astype(np.float16))
    np.testing.assert_allclose(
        z, np.maximum(product, 0) + product, rtol=1e-5, atol=1e-6
    )  # y is not rounded there


def test_names_and_the_source_stay_as_they_are() -> None:
    model = parse(LAYER)
    before = model.SerializeToString()
    made = in_float32(model)
    assert model.SerializeToString() == before
    assert [v.name for v in (*made.graph.input, *made.graph.output)] == ["x", "y", "z"]
    assert half_of(made) == "float16"  # the Cast to its edge
    assert not [t for t in made.graph.initializer if t.data_type != onnx.TensorProto.FLOAT]


@pytest.mark.parametrize("condition", [True, False])
def test_branches_and_their_constants(condition: bool) -> None:
    x = X.astype(np.float32)
    made = in_float32(parse(BRANCHES))
    onnx.checker.check_model(made, full_check=True)
    assert not [node for node in nodes_of(made) if node.op_type == "Cast"]
    wanted = x @ W.astype(np.float16).astype(np.float32) if condition else 2 * x
    np.testing.assert_allclose(run(made, x=x, c=np.array(condition))[0], wanted, rtol=1e-5, atol=1e-6)


def test_bfloat16_becomes_float32_at_the_edges_too() -> None:
    model = parse(LAYER.replace("float16", "bfloat16"), ml_dtypes.bfloat16)
    assert half_of(model) == "bfloat16"
    y, _ = run(in_float32(model), x=X.astype(np.float32))
    assert y.dtype == np.float32
    product = X.astype(np.float32) @ W.astype(ml_dtypes.bfloat16).astype(np.float32)
    np.testing.assert_allclose(y, np.maximum(product, 0), rtol=1e-5, atol=1e-6)


def test_constants_within_nodes() -> None:
    model = parse(HEAD + "g (float16[n,4] x) => (float16[n,4] y) { c = Constant() y = Mul(x, c) }")
    value = onnx.numpy_helper.from_array(np.full(1, 3, np.float16))
    model.graph.node[0].attribute.append(onnx.helper.make_attribute("value", value))
    np.testing.assert_array_equal(
        run(in_float32(model), x=X)[0], (X.astype(np.float32) * 3).astype(np.float16)
    )


def test_an_edge_of_float16_alone_is_no_half_precision() -> None:
    text = HEAD + "g (float16[n,4] x) => (float[n,4] y) { h = Cast<to = 1>(x) y = MatMul(h, w) }"
    assert half_of(parse(text, np.float32)) == ""
