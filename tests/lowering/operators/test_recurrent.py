"""LSTM, GRU and RNN, also in TFLite at any batch and length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("tensorflow")
from tests.lowering.oracle import agrees, agrees_in_tflite, kinds

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(1)


def f32(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def recurrent(kind: str, gates: int, direction: str, **attributes: Any) -> onnx.ModelProto:
    directions = 2 if direction == "bidirectional" else 1
    weights = {
        "w": f32(directions, gates * 6, 4) / 2,
        "r": f32(directions, gates * 6, 6) / 2,
        "b": f32(directions, gates * 12) / 2,
    }
    node = onnx.helper.make_node(
        kind, ["x", *weights], ["y", "h"], hidden_size=6, direction=direction, **attributes
    )
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node], kind, [info("x", onnx.TensorProto.FLOAT, ["length", "batch", 4])],
        [info("y", onnx.TensorProto.FLOAT, ["length", directions, "batch", 6]),
         info("h", onnx.TensorProto.FLOAT, [directions, "batch", 6])],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )  # fmt: skip
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(
    ("kind", "gates", "attributes"),
    [("LSTM", 4, {}), ("GRU", 3, {}), ("GRU", 3, {"linear_before_reset": 1}), ("RNN", 1, {"clip": 0.5})],
)
def test_recurrent_layers(kind: str, gates: int, attributes: dict[str, Any], direction: str) -> None:
    model = recurrent(kind, gates, direction, **attributes)
    lowered = agrees(model, f32(5, 2, 4))
    assert not [name for name in kinds(lowered) if "TensorList" in name]


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3)])
def test_recurrent_layers_in_tflite_at_any_batch_and_length(kind: str, gates: int, tmp_path: Path) -> None:
    model = recurrent(kind, gates, "bidirectional")
    agrees_in_tflite(
        model, tmp_path, *[[f32(length, batch, 4)] for length, batch in ((5, 1), (9, 3), (1, 2))]
    )
