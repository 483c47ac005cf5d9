"""Graphs in older opsets: right against ONNX Runtime, and a reason where there is none."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from convertkit.errors import StageError
from convertkit.graphs.opset import lowered, opset_of

pytestmark = pytest.mark.slow
X = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)


def graph(body: str, opset: int) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": {opset}]> g {body}')


def run(model: onnx.ModelProto) -> np.ndarray:
    import onnxruntime

    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": X})[0]


BODIES = {
    "attributes in place of inputs": """(float[n,8] x) => (float[n,1] y) {
        axes = Constant <value_ints = [1]> ()
        y = ReduceMean <noop_with_empty_axes = 0, keepdims = 1> (x, axes) }""",
    "an operator that is spelt out": """(float[n,8] x) => (float[n,8] y) {
        s = Constant <value = float[8] {1, 2, 3, 4, 5, 6, 7, 8}> ()
        y = LayerNormalization <axis = -1, epsilon = 0.001> (x, s) }""",
    "nothing to do": "(float[n,8] x) => (float[n,8] y) { y = Relu(x) }",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_it_computes_the_same(body: str) -> None:
    model = graph(body, 18)
    older = lowered(model, 15)
    assert opset_of(older) == 15
    onnx.checker.check_model(older, full_check=True)
    np.testing.assert_allclose(run(older), run(model), rtol=1e-5, atol=1e-6)


def test_what_is_old_enough_stays_itself() -> None:
    model = graph(BODIES["nothing to do"], 15)
    assert lowered(model, 15) is model


def test_what_has_no_older_form_is_said() -> None:
    model = graph("(float[n,8] x, float[n,8] z) => (float[n,8] y) { y = BitwiseXor(x, z) }", 18)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.INT32
    with pytest.raises(StageError, match="does not lower opset 18 to 15") as caught:
        lowered(model, 15)
    assert "ask for opset 18" in caught.value.hint
