"""Operators of `com.microsoft`, as optimizers and quantizers leave them, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

pytest.importorskip("tensorflow")
from convertkit.errors import StageError
from convertkit.lowering import lower
from tests.lowering.oracle import agrees, agrees_in_tflite, run

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(4)
Arrays = list[Any]


def f32(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def graph(
    kind: str, inputs: dict[str, Any], weights: dict[str, Any], outputs: str = "y", **attributes: Any
) -> onnx.ModelProto:
    """One node; inputs whose first axis is free, then weights; a name of None is left out."""
    given = {**inputs, **weights}
    names = [name if array is not None else "" for name, array in given.items()]
    node = helper.make_node(kind, names, outputs.split(), "node", domain="com.microsoft", **attributes)

    def info(name: str, array: Any) -> onnx.ValueInfoProto:
        shape = ["n", *array.shape[1:]] if array.ndim else []
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape)

    made = helper.make_graph(
        [node], "g", [info(name, array) for name, array in inputs.items() if array is not None],
        [helper.make_empty_tensor_value_info(name) for name in outputs.split()],
        [onnx.numpy_helper.from_array(a, name) for name, a in weights.items() if a is not None],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=9)
    for output, array in zip(model.graph.output, _outputs(model, inputs), strict=True):
        shape = ["n" if array.shape and size == _batch(inputs) and axis == 0 else None
                 for axis, size in enumerate(array.shape)]  # fmt: skip
        output.CopyFrom(
            helper.make_tensor_value_info(output.name, helper.np_dtype_to_tensor_dtype(array.dtype), shape)
        )
    return model


def _batch(inputs: dict[str, Any]) -> int:
    return next(len(array) for array in inputs.values() if array is not None and array.ndim)


def _outputs(model: onnx.ModelProto, inputs: dict[str, Any]) -> Arrays:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: Arrays = session.run(None, {name: array for name, array in inputs.items() if array is not None})
    return found


def right(
    folder: Path, kind: str, inputs: dict[str, Any], weights: dict[str, Any], atol: float = 1e-5, **rest: Any
) -> None:
    """In TensorFlow and in TFLite with built-ins alone."""
    model = graph(kind, inputs, weights, **rest)
    given = [array for array in inputs.values() if array is not None]
    agrees(model, *given, atol=atol)
    agrees_in_tflite(model, folder, given)


X, W = f32(3, 4, 8), f32(8, 6)


@pytest.mark.parametrize(
    ("a", "b", "attributes"),
    [
        (f32(3, 4, 8), f32(8, 6), {}),
        (f32(3, 4, 8), f32(6, 8), {"transB": 1, "alpha": 0.25}),
        (f32(3, 8, 4), f32(3, 6, 8), {"transA": 1, "transB": 1}),
        (f32(4, 2, 3, 8), f32(2, 3, 8, 5), {"transBatchA": 1}),
        (f32(8, 2, 3, 4), f32(5, 2, 3, 8), {"transA": 1, "transB": 1, "transBatchA": 1, "transBatchB": 1}),
    ],
)
def test_fused_matmul(a: Any, b: Any, attributes: dict[str, Any], tmp_path: Path) -> None:
    right(tmp_path, "FusedMatMul", {"a": a}, {"b": b}, **attributes)


@pytest.mark.parametrize(
    "attributes",
    [
        {"activation": "Relu"},
        {"activation": "LeakyRelu", "activation_alpha": 0.3, "transB": 1, "alpha": 0.5, "beta": 2.0},
    ],
)
def test_fused_gemm(attributes: dict[str, Any], tmp_path: Path) -> None:
    b = W.T.copy() if attributes.get("transB") else W
    right(tmp_path, "FusedGemm", {"a": f32(3, 8)}, {"b": b, "c": f32(6)}, **attributes)


@pytest.mark.parametrize(
    ("attributes", "is_summed"),
    [
        ({"activation": "Relu"}, False),
        ({"activation": "LeakyRelu", "activation_params": [0.2], "pads": [1, 1, 1, 1]}, False),
        ({"activation": "Clip", "activation_params": [-0.5, 0.7], "strides": [2, 2]}, False),
        ({"activation": "HardSigmoid", "activation_params": [0.3, 0.4]}, False),
        ({"activation": "Relu", "pads": [1, 1, 1, 1]}, True),
        ({}, False),
    ],
)
def test_fused_conv(attributes: dict[str, Any], is_summed: bool) -> None:
    weights = {"w": f32(4, 3, 3, 3) / 3, "b": f32(4)}
    inputs = {"x": f32(2, 3, 7, 7)}
    model = graph("FusedConv", inputs, weights, **attributes)
    if is_summed:
        z = f32(2, 4, 7, 7)
        model.graph.node[0].input.append("z")
        model.graph.input.append(helper.make_tensor_value_info("z", 1, ["n", 4, 7, 7]))
        agrees(model, inputs["x"], z)
    lowered = agrees(model, inputs["x"]) if not is_summed else lower(model)
    assert lowered.signature.inputs[0].axis_order == (0, 2, 3, 1)


@pytest.mark.parametrize("attributes", [{}, {"strides": [2, 1], "pads": [1, 0, 1, 2], "group": 2}])
def test_a_convolution_of_channels_last(attributes: dict[str, Any], tmp_path: Path) -> None:
    """ONNX Runtime has it on GPUs alone: Conv between two transposes says the same."""
    group = attributes.get("group", 1)
    weights = {"w": f32(6, 4 // group, 3, 3), "b": f32(6)}
    x = f32(2, 7, 8, 4)
    node = helper.make_node("NhwcConv", ["x", "w", "b"], ["y"], domain="com.microsoft", **attributes)
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()]
    info = helper.make_tensor_value_info
    ends = [info("x", 1, ["n", 7, 8, 4])], [info("y", 1, ["n", None, None, 6])]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(
        helper.make_graph([node], "g", *ends, tensors), opset_imports=opsets, ir_version=9
    )
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["t", "w", "b"], ["c"], **attributes),
        helper.make_node("Transpose", ["c"], ["y"], perm=[0, 2, 3, 1]),
    ]
    plain = helper.make_model(
        helper.make_graph(nodes, "g", *ends, tensors), opset_imports=opsets, ir_version=9
    )
    lowered = lower(model)
    np.testing.assert_allclose(run(lowered, [x])[0], _outputs(plain, {"x": x})[0], rtol=1e-4, atol=1e-4)
    assert "Transpose" not in [op.type for op in lowered.concrete.graph.get_operations()]


SKIPS = {"whole": f32(3, 4, 8), "one row": f32(1, 4, 8), "a matrix": f32(4, 8)}


@pytest.mark.parametrize("skip", SKIPS)
def test_skip_layer_normalization(skip: str, tmp_path: Path) -> None:
    other = SKIPS[skip]
    inputs = {"x": X, "s": other} if skip == "whole" else {"x": X}
    weights = {} if skip == "whole" else {"s": other}
    weights |= {"g": f32(8), "b": f32(8), "e": f32(8)}
    right(tmp_path, "SkipLayerNormalization", inputs, weights, outputs="y")
    right(tmp_path, "SkipLayerNormalization", inputs, {**weights, "e": None}, outputs="y m i t", epsilon=1e-3)


def test_skip_simplified_layer_normalization(tmp_path: Path) -> None:
    inputs = {"x": X, "s": f32(3, 4, 8)}
    kind = "SkipSimplifiedLayerNormalization"
    right(tmp_path, kind, inputs, {"g": f32(8)}, epsilon=1e-6)
    right(tmp_path, kind, inputs, {"g": f32(8), "e": f32(8)}, outputs="y m i t", epsilon=1e-3)


@pytest.mark.parametrize(
    ("kind", "weights", "attributes"),
    [
        ("FastGelu", {}, {}),
        ("FastGelu", {"b": f32(8)}, {}),
        ("BiasGelu", {"b": f32(8)}, {}),
        ("Gelu", {}, {}),
        ("QuickGelu", {}, {}),
        ("QuickGelu", {}, {"alpha": 1.0}),
    ],
)
def test_gelus(kind: str, weights: dict[str, Any], attributes: dict[str, Any], tmp_path: Path) -> None:
    right(tmp_path, kind, {"x": X}, weights, **attributes)


def embedding(segments: bool, **given: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    inputs = {"ids": RNG.integers(0, 9, (3, 4)).astype(np.int32)}
    inputs["seg"] = RNG.integers(0, 2, (3, 4)).astype(np.int32) if segments else None
    weights = {"words": f32(9, 8), "places": f32(6, 8), "kinds": f32(2, 8) if segments else None}
    return inputs, {**weights, "g": f32(8), "b": f32(8), **given}


@pytest.mark.parametrize("segments", [True, False])
def test_embeddings(segments: bool, tmp_path: Path) -> None:
    inputs, weights = embedding(segments)
    right(tmp_path, "EmbedLayerNormalization", inputs, weights, outputs="y m t")
    mask = (np.arange(4) < np.array([[1], [4], [3]])).astype(np.int32)
    inputs, weights = embedding(segments, mask=mask, at=np.array([[3, 2, 1, 0]] * 3, np.int32))
    model = graph("EmbedLayerNormalization", inputs, weights, outputs="y m", epsilon=1e-3)
    agrees(model, *[array for array in inputs.values() if array is not None])


HEADS = {"weights": f32(8, 24) / 2, "bias": f32(24)}
KEYS = (np.arange(4) < np.array([[1], [4], [3]])).astype(np.int32)
SQUARE = np.maximum(RNG.random((3, 4, 4)) < 0.4, np.eye(4)).astype(np.int32)
MASKS = {
    "by key": KEYS,
    "by length": np.array([1, 4, 3], np.int32),
    "by end and start": np.array([4, 3, 4, 0, 0, 0], np.int32),
    "by query and key": SQUARE,
}


@pytest.mark.parametrize("unidirectional", [0, 1])
@pytest.mark.parametrize("mask", [None, *MASKS])
def test_attention(mask: str | None, unidirectional: int, tmp_path: Path) -> None:
    weights = {**HEADS, **({} if mask is None else {"mask": MASKS[mask]})}
    model = graph("Attention", {"x": X}, weights, num_heads=2, unidirectional=unidirectional)
    if mask is not None:
        shape = ["m" if mask == "by end and start" else "n", *MASKS[mask].shape[1:]]
        model.graph.input.append(helper.make_tensor_value_info("mask", onnx.TensorProto.INT32, shape))
        del model.graph.initializer[-1]
    given = [X] if mask is None else [X, MASKS[mask]]
    agrees(model, *given)
    agrees_in_tflite(model, tmp_path, given)


def test_attention_where_a_row_sees_nothing() -> None:
    """ONNX Runtime adds -10000 to all of its scores, which rounds them to thousandths."""
    blind = SQUARE.copy()
    blind[0, 1], blind[2, 3] = 0, 0
    agrees(graph("Attention", {"x": X}, {**HEADS, "mask": blind}, num_heads=2), X, atol=2e-3)
    starts = np.array([4, 3, 4, 0, 2, 1], np.int32)
    model = graph("Attention", {"x": X}, {**HEADS, "mask": starts}, num_heads=2, unidirectional=1)
    agrees(model, X, atol=2e-3)


def test_attention_with_what_came_before(tmp_path: Path) -> None:
    weights = {**HEADS, "mask": None, "past": f32(2, 3, 2, 5, 4)}
    right(tmp_path, "Attention", {"x": X}, weights, outputs="y p", num_heads=2, unidirectional=1)


def test_attention_with_a_bias(tmp_path: Path) -> None:
    weights = {**HEADS, "mask": None, "past": None, "more": f32(1, 2, 4, 4)}
    right(tmp_path, "Attention", {"x": X}, weights, num_heads=2)


def test_attention_of_sizes_of_its_own(tmp_path: Path) -> None:
    weights = {"weights": f32(8, 32), "bias": f32(32)}
    attributes = {"num_heads": 2, "scale": 0.3, "qkv_hidden_sizes": [8, 8, 16]}
    right(tmp_path, "Attention", {"x": X}, weights, **attributes)


def test_attention_that_turns_its_heads_is_refused() -> None:
    model = graph("Attention", {"x": X}, HEADS, num_heads=2)
    model.graph.node[0].attribute.append(helper.make_attribute("do_rotary", 1))
    with pytest.raises(StageError, match="do_rotary is not supported"):
        lower(model)


ANGLES = RNG.uniform(0, 3, (9, 4)).astype(np.float32)
PLACES = {"cos": np.cos(ANGLES), "sin": np.sin(ANGLES)}


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("places", [np.array([2]), np.array([[3, 0, 1, 2], [4, 5, 6, 7], [1, 1, 8, 0]])])
@pytest.mark.parametrize(
    ("x", "attributes"),
    [
        (f32(3, 4, 16), {}),
        (f32(3, 2, 4, 8), {}),
        (f32(3, 4, 24), {"num_heads": 2, "rotary_embedding_dim": 8}),
    ],
)
def test_rotary_embedding(
    x: Any, attributes: dict[str, Any], places: Any, interleaved: int, tmp_path: Path
) -> None:
    weights = {"at": places, **PLACES}
    model = graph("RotaryEmbedding", {"x": x}, weights, interleaved=interleaved, **attributes)
    agrees(model, x)
    if attributes:
        agrees_in_tflite(model, tmp_path, [x])


BYTES = RNG.integers(0, 256, (8, 6)).astype(np.uint8)
SIGNED = RNG.integers(-128, 128, (8, 6)).astype(np.int8)
STEP, STEPS = np.array(0.02, np.float32), RNG.uniform(0.01, 0.03, 6).astype(np.float32)


@pytest.mark.parametrize(
    "weights",
    [
        {"b": SIGNED, "step": STEP},
        {"b": SIGNED, "step": STEPS},
        {"b": BYTES, "step": STEP, "zero": np.array(131, np.uint8), "bias": f32(6)},
    ],
)
def test_dynamically_quantized_products(weights: dict[str, Any], tmp_path: Path) -> None:
    right(tmp_path, "DynamicQuantizeMatMul", {"a": f32(5, 8)}, weights, atol=1e-4)


@pytest.mark.parametrize("is_full", [False, True])
def test_integer_products_to_float(is_full: bool, tmp_path: Path) -> None:
    inputs = {"a": RNG.integers(0, 256, (5, 8)).astype(np.uint8)}
    weights = {"b": SIGNED, "as": np.array(0.03, np.float32), "bs": STEPS}
    if is_full:
        weights |= {"az": np.array(120, np.uint8), "bz": np.array(0, np.int8), "bias": f32(6)}
    right(tmp_path, "MatMulIntegerToFloat", inputs, weights, atol=1e-4)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("is_full", [False, True])
def test_dynamically_quantized_lstm(direction: str, is_full: bool, tmp_path: Path) -> None:
    count = 2 if direction == "bidirectional" else 1
    dtype, low = (np.uint8, 0) if is_full else (np.int8, -128)
    weights: dict[str, Any] = {
        "w": RNG.integers(low, low + 256, (count, 5, 24)).astype(dtype),
        "r": RNG.integers(low, low + 256, (count, 6, 24)).astype(dtype),
        "b": f32(count, 48) if is_full else None,
        "lengths": np.array([2, 3, 1], np.int32) if is_full else None,
        "h": f32(count, 3, 6) if is_full else None,
        "c": f32(count, 3, 6) if is_full else None,
        "p": f32(count, 18) if is_full else None,
        "ws": np.full(count, 0.004, np.float32),
        "wz": np.full(count, 128 if is_full else 0, dtype),
        "rs": np.full(count, 0.003, np.float32),
        "rz": np.full(count, 120 if is_full else 0, dtype),
    }
    right(
        tmp_path, "DynamicQuantizeLSTM", {"x": f32(4, 3, 5)}, weights, outputs="y h1 c1",
        hidden_size=6, direction=direction,
    )  # fmt: skip
