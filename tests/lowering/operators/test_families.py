"""Families that need more than one node: loops, branches, recurrent layers, quantized graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("tensorflow")
from convertkit.artifacts.signature import to_physical
from convertkit.lowering import lower, write_savedmodel
from tests.lowering.oracle import agrees, expected, kinds, parse, tflite

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(1)


def f32(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def agrees_in_tflite(model: onnx.ModelProto, folder: Path, *cases: list[Any]) -> None:
    """Built-ins only, at every one of the cases' sizes."""
    lowered = lower(model)
    write_savedmodel(lowered, folder / "m.savedmodel")
    runner = tflite(folder / "m.savedmodel")
    for inputs in cases:
        given = {
            s.runtime_name: to_physical(x, s) for s, x in zip(lowered.signature.inputs, inputs, strict=True)
        }
        results = runner(**given)
        for spec, want in zip(lowered.signature.outputs, expected(model, inputs), strict=True):
            np.testing.assert_allclose(results[spec.name], want, rtol=1e-4, atol=1e-5)


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


IF = """g (float[n] x, bool c) => (float[n] y) {
    y = If(c)<
        then_branch = t () => (float[n] a) { a = Mul(x, x) },
        else_branch = e () => (float[n] b) { b = Neg(x) }
    >
}"""


@pytest.mark.parametrize("flag", [True, False])
def test_if(flag: bool) -> None:
    agrees(parse(IF), f32(3), np.array(flag))


LOOP = """g (float[2] x, int64 count) => (float[2] last, float[k,2] all) {
    on = Constant<value = bool {1}>()
    last, all = Loop(count, on, x)<
        body = b (int64 i, bool go, float[2] held) => (bool more, float[2] next, float[2] row) {
            more = Identity(go) next = Add(held, x) row = Mul(next, next)
        }
    >
}"""


@pytest.mark.parametrize("count", [0, 1, 4])
def test_loop(count: int) -> None:
    agrees(parse(LOOP), f32(2), np.array(count))


def test_loop_in_tflite(tmp_path: Path) -> None:
    agrees_in_tflite(parse(LOOP), tmp_path, [f32(2), np.array(3)], [f32(2), np.array(1)])


SCAN = """g (float[2] start, float[n,2] xs) => (float[2] last, float[n,2] sums) {
    last, sums = Scan<num_scan_inputs = 1,
        body = b (float[2] held, float[2] x) => (float[2] next, float[2] row) {
        next = Add(held, x) row = Identity(next)
    }>(start, xs)
}"""


UNTIL = """g (float[2] x) => (float[2] last, float[k,2] all) {
    limit = Constant<value_int = 9223372036854775807>() on = Constant<value = bool {1}>()
    top = Constant<value_float = 50.0>()
    last, all = Loop(limit, on, x)<
        body = b (int64 i, bool go, float[2] held) => (bool more, float[2] next, float[2] row) {
            next = Add(held, held) row = Neg(next) axis = Constant<value_ints = [0]>()
            sum = ReduceSum<keepdims = 0>(next, axis) more = Less(sum, top)
        }
    >
}"""


def test_a_loop_that_its_flag_alone_ends() -> None:
    agrees(parse(UNTIL), np.array([1, 2], np.float32))


def test_scan() -> None:
    agrees(parse(SCAN), f32(2), f32(4, 2))


QDQ = """g (float[n,3,8,8] x) => (float[n,4,8,8] y) {
    q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z)
    w = DequantizeLinear<axis = 0>(wq, ws, wz) y = Conv<pads = [1,1,1,1]>(d, w)
}"""


def test_a_quantized_graph_on_a_permuted_input() -> None:
    weights = {
        "s": np.array(0.05, np.float32), "z": np.array(3, np.int8), "ws": np.abs(f32(4)) / 50 + 0.01,
        "wz": np.zeros(4, np.int8), "wq": RNG.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8),
    }  # fmt: skip
    agrees(parse(QDQ, **weights), f32(2, 3, 8, 8), atol=1e-4)


def test_quantizing_per_channel_in_permuted_order() -> None:
    text = """g (float[n,3,6,6] x) => (float[n,4,6,6] y) {
        c = Conv<pads = [1,1,1,1]>(x, w)
        q = QuantizeLinear<axis = 1>(c, s, z) y = DequantizeLinear<axis = 1>(q, s, z)
    }"""
    weights = {
        "w": f32(4, 3, 3, 3),
        "s": np.array([0.05, 0.1, 0.2, 0.4], np.float32),
        "z": np.array([0, 1, 2, 3], np.uint8),
    }
    agrees(parse(text, **weights), f32(2, 3, 6, 6), atol=1e-4)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"])
def test_resize_up_and_down(mode: str, coordinates: str) -> None:
    text = f"""g (float[n,2,4,5] x) => (float[n,2,h,w] y) {{
        y = Resize<axes = [2,3], mode = "{mode}",
            coordinate_transformation_mode = "{coordinates}">(x, , , sizes)
    }}"""
    for height, width in ((8, 10), (3, 7), (1, 2)):
        if (mode, coordinates) == ("nearest", "align_corners") and height == 1:
            continue  # ONNX Runtime divides by zero
        agrees(parse(text, sizes=np.array([height, width])), f32(2, 2, 4, 5))


def test_bilinear_resize_with_free_height_and_width(tmp_path: Path) -> None:
    text = """g (float[n,2,h,w] x) => (float[n,2,a,b] y) { y = Resize<mode = "linear">(x, , scales) }"""
    model = parse(text, scales=np.array([1, 1, 2, 2], np.float32))
    agrees_in_layout(model, tmp_path)


def agrees_in_layout(model: onnx.ModelProto, folder: Path) -> None:
    lowered = agrees(model, f32(2, 2, 5, 3))
    assert lowered.signature.outputs[0].dynamic_axes.keys() == {0, 2, 3}
    agrees(model, f32(1, 2, 4, 7), layout="source")
    write_savedmodel(lowered, folder / "m.savedmodel")


@pytest.mark.parametrize(
    "body",
    [
        "y = MaxPool<kernel_shape = [3,3], strides = [2,2], ceil_mode = 1>(x)",
        "y = MaxPool<kernel_shape = [2,2], dilations = [2,2]>(x)",
        "y, i = MaxPool<kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1]>(x)",
        "y = AveragePool<kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1], count_include_pad = 1>(x)",
        "y = AveragePool<kernel_shape = [3,3], strides = [2,2], ceil_mode = 1, pads = [1,1,0,0]>(x)",
        "y = AveragePool<kernel_shape = [20,20], strides = [20,20], ceil_mode = 1>(x)",
        'y = MaxPool<kernel_shape = [3,3], strides = [2,2], auto_pad = "SAME_LOWER">(x)',
        "y = LpPool<kernel_shape = [2,2], p = 3>(x)",
        "y = ConvTranspose<strides = [2,2], pads = [1,1,1,1], output_padding = [1,1]>(x, t)",
        "y = ConvTranspose<strides = [2,2], group = 3>(x, tg)",
        "y = Conv<dilations = [2,2], pads = [2,2,2,2]>(x, w)",
        "y = Conv<strides = [2,1], group = 3, pads = [1,0,0,1]>(x, g)",
        "y = GridSample(x, grid)",
    ],
)
def test_windows(body: str) -> None:
    weights = {"t": f32(3, 4, 3, 3), "tg": f32(3, 2, 2, 2), "w": f32(4, 3, 3, 3), "g": f32(6, 1, 3, 3)}
    weights["grid"] = RNG.uniform(-1.2, 1.2, (2, 5, 5, 2)).astype(np.float32)
    used = {name: array for name, array in weights.items() if f", {name})" in body}
    agrees(
        parse(f"g (float[n,3,7,7] x) => (float[a,b,c,d] y) {{ {body} }}", **used), f32(2, 3, 7, 7), atol=1e-4
    )
