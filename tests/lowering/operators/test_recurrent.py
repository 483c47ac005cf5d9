"""LSTM, GRU and RNN, also in TFLite at any batch and length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("tensorflow")
from convertkit.errors import StageError
from convertkit.lowering import lower
from tests.lowering.oracle import agrees, agrees_in_tflite, kinds, parse

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


def with_lengths(kind: str, gates: int, direction: str) -> onnx.ModelProto:
    """A recurrent layer over sequences of their own lengths."""
    model = recurrent(kind, gates, direction)
    model.graph.node[0].input.append("lengths")
    model.graph.input.append(onnx.helper.make_tensor_value_info("lengths", onnx.TensorProto.INT32, ["batch"]))
    return model


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_lengths_end_each_sequence(kind: str, gates: int, direction: str) -> None:
    lengths = np.array([5, 1, 3], np.int32)
    lowered = agrees(with_lengths(kind, gates, direction), f32(5, 3, 4), lengths)
    assert "ReverseSequence" not in kinds(lowered)


def test_lengths_in_tflite_at_any_batch_and_length(tmp_path: Path) -> None:
    cases = [[f32(time, len(n), 4), np.array(n, np.int32)] for time, n in ((5, [2]), (9, [9, 1, 4]))]
    agrees_in_tflite(with_lengths("GRU", 3, "bidirectional"), tmp_path, *cases)


def static(model: onnx.ModelProto, length: int, batch: int) -> onnx.ModelProto:
    """The model with every axis fixed."""
    sizes = {"length": length, "batch": batch}
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_value = sizes[dim.dim_param]
    return model


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_a_few_steps_of_known_sizes_are_no_loop(
    kind: str, gates: int, direction: str, tmp_path: Path
) -> None:
    model = static(recurrent(kind, gates, direction), 5, 1)
    assert not [name for name in kinds(agrees(model, f32(5, 1, 4))) if "While" in name]
    agrees_in_tflite(model, tmp_path, [f32(5, 1, 4)])
    lengths = np.array([2, 5], np.int32)
    agrees(static(with_lengths(kind, gates, direction), 5, 2), f32(5, 2, 4), lengths)


@pytest.mark.parametrize(("length", "has_loop"), [(64, False), (65, True)])
def test_many_steps_are_a_loop(length: int, has_loop: bool) -> None:
    lowered = agrees(static(recurrent("GRU", 3, "forward"), length, 1), f32(length, 1, 4))
    assert any("While" in name for name in kinds(lowered)) is has_loop


REVERSED = [
    "y = ReverseSequence(x, l)",
    "y = ReverseSequence<batch_axis = 0, time_axis = 1>(x, l)",
    "t = Transpose<perm = [1,0,2]>(x) y = ReverseSequence<batch_axis = 0, time_axis = 1>(t, l)",
]


@pytest.mark.parametrize("body", REVERSED)
def test_sequences_are_reversed_by_gather(body: str, tmp_path: Path) -> None:
    """TFLite's REVERSE_SEQUENCE has no INT8 kernel; GATHER has one."""
    model = parse(f"g (float[a,b,3] x, int64[n] l) => (float[c,d,3] y) {{ {body} }}")
    batch = 4 if "batch_axis" in body and "Transpose" not in body else 3
    lengths = np.array([1, 3, 2, 3], np.int64)[:batch]
    assert "ReverseSequence" not in kinds(agrees(model, f32(4, 3, 3), lengths))
    agrees_in_tflite(model, tmp_path, [f32(4, 3, 3), lengths])


def test_sequences_along_further_axes_are_refused() -> None:
    model = parse(
        "g (float[a,b,3] x, int64[n] l) => (float[c,d,3] y) { y = ReverseSequence<time_axis = 2>(x, l) }"
    )
    with pytest.raises(StageError, match="time_axis 2 and batch_axis 1"):
        lower(model)
