"""Operators on types that ONNX Runtime has no kernels for: the same values by others."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from convertkit.graphs.kernels import mend

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(0)
X = RNG.integers(-4, 4, (3, 5))
C, A, B = (RNG.random((3, 5)) < 0.5 for _ in range(3))


def mended(text: str) -> onnx.ModelProto:
    model = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 20]> {text}')
    mend(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def run(model: onnx.ModelProto, *inputs: Any) -> Any:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip([each.name for each in session.get_inputs()], inputs, strict=True)))[0]


def test_a_choice_between_truths() -> None:
    text = "g (bool[n,5] c, bool[n,5] a, bool[n,5] b) => (bool[n,5] y) { y = Where(c, a, b) }"
    np.testing.assert_array_equal(run(mended(text), C, A, B), np.where(C, A, B))


def test_integers_below_zero() -> None:
    text = "g (int64[n,5] x) => (int64[n,5] y) { y = Relu(x) }"
    np.testing.assert_array_equal(run(mended(text), X), np.maximum(X, 0))


def test_indices_of_32_bits() -> None:
    text = "g (int64[n,5] x, int32[2,1] i, int64[2,5] u) => (int64[n,5] y) { y = ScatterND(x, i, u) }"
    places, rows = np.array([[2], [0]], np.int32), X[:2] + 100
    wanted = X.copy()
    wanted[[2, 0]] = rows
    np.testing.assert_array_equal(run(mended(text), X, places, rows), wanted)


def test_other_types_stay_as_they_are() -> None:
    text = "g (bool[n,5] c, float[n,5] a) => (float[n,5] y) { r = Relu(a) y = Where(c, r, a) }"
    assert [node.op_type for node in mended(text).graph.node] == ["Relu", "Where"]
