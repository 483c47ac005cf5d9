"""Small graphs against ONNX Runtime: the three ways an operator acts on a permuted input, and free sizes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("tensorflow")
from convertkit.artifacts.signature import to_logical, to_physical
from convertkit.lowering import lower, write_savedmodel

from .oracle import agrees, expected, kinds, parse, tflite

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(0)


def f32(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


CNN = """cnn (float[batch,3,16,16] x) => (float[batch,5] y) {
    c = Conv<pads = [1,1,1,1], strides = [2,2]>(x, w, b)
    r = Relu(c)
    p = MaxPool<kernel_shape = [3,3], pads = [1,1,1,1], strides = [2,2]>(r)
    d = Conv<group = 8, pads = [1,1,1,1]>(p, dw)
    s = Sigmoid(d)
    m = Mul(d, s)
    n = BatchNormalization(m, scale, bias, mean, variance)
    g = GlobalAveragePool(n)
    f = Flatten(g)
    y = Gemm<transB = 1>(f, head, hb)
}"""


def cnn() -> Any:
    return parse(
        CNN, w=f32(8, 3, 3, 3), b=f32(8), dw=f32(8, 1, 3, 3), scale=f32(8), bias=f32(8), mean=f32(8),
        variance=np.abs(f32(8)) + 0.5, head=f32(5, 8), hb=f32(5),
    )  # fmt: skip


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_convolutional_network_is_channels_last_without_a_transpose(batch: int) -> None:
    lowered = agrees(cnn(), f32(batch, 3, 16, 16))
    assert lowered.signature.inputs[0].shape == ("batch", 16, 16, 3)
    assert lowered.signature.inputs[0].axis_order == (0, 2, 3, 1)
    assert lowered.signature.outputs[0].shape == ("batch", 5)
    assert "Transpose" not in kinds(lowered)
    assert "Shape" not in kinds(lowered)


def test_the_source_layout_costs_one_transpose() -> None:
    lowered = agrees(cnn(), f32(2, 3, 16, 16), layout="source")
    assert lowered.signature.inputs[0].axis_order is None
    assert kinds(lowered).count("Transpose") == 1


POOL = "y = MaxPool<kernel_shape = [3,3], pads = [1,1,1,1], strides = [2,2]>"


@pytest.mark.parametrize(
    ("body", "pad"),
    [
        (f"r = Relu(x) {POOL}(r)", "Pad"),
        (f"{POOL}(x)", "MirrorPad"),
        ("y = MaxPool<kernel_shape = [3,3], pads = [2,2,2,2]>(x)", "PadV2"),
    ],
)
def test_a_padded_max_pool_keeps_the_scales_of_int8_where_it_can(body: str, pad: str) -> None:
    """Zeros behind a Relu, mirrored edges up to half the kernel, the lowest number only beyond."""
    lowered = agrees(parse(f"g (float[n,3,8,8] x) => (float[n,3,h,w] y) {{ {body} }}"), f32(2, 3, 8, 8) - 3)
    assert {"Pad", "MirrorPad", "PadV2"}.intersection(kinds(lowered)) == {pad}


def test_savedmodel_and_tflite_agree_at_every_batch(tmp_path: Path) -> None:
    model = cnn()
    lowered = lower(model)
    write_savedmodel(lowered, tmp_path / "cnn.savedmodel")
    assert list((tmp_path / "cnn.savedmodel" / "variables").glob("*.data-*"))
    runner = tflite(tmp_path / "cnn.savedmodel")
    spec = lowered.signature.inputs[0]
    for batch in (1, 2, 5):
        x = f32(batch, 3, 16, 16)
        got = to_logical(
            runner(**{spec.runtime_name: to_physical(x, spec)})["y"], lowered.signature.outputs[0]
        )
        np.testing.assert_allclose(got, expected(model, [x])[0], rtol=1e-4, atol=1e-5)


def test_channels_last_outputs_on_request() -> None:
    model = parse(
        "g (float[n,3,8,8] x) => (float[n,4,8,8] y) { y = Conv<pads = [1,1,1,1]>(x, w) }", w=f32(4, 3, 3, 3)
    )
    assert agrees(model, f32(2, 3, 8, 8)).signature.outputs[0].axis_order is None
    lowered = agrees(model, f32(2, 3, 8, 8), layout="channels-last")
    assert lowered.signature.outputs[0].axis_order == (0, 2, 3, 1)
    assert lowered.signature.outputs[0].shape == ("n", 8, 8, 4)
    assert "Transpose" not in kinds(lowered)


ON_PERMUTED = {
    "elementwise with a constant": "y = Add(c, k)",
    "elementwise with a vector": "y = Mul(c, v)",
    "softmax over channels": "y = Softmax<axis = 1>(c)",
    "softmax over width": "y = Softmax<axis = -1>(c)",
    "concat over channels": "y = Concat<axis = 1>(c, c)",
    "concat over height": "y = Concat<axis = 2>(c, k1)",
    "argmax over channels": "a = ArgMax<axis = 1, keepdims = 0>(c) y = Cast<to = 1>(a)",
    "layer normalization": "y = LayerNormalization<axis = -1>(c, v, v)",
    "instance normalization": "y = InstanceNormalization(c, s4, s4)",
    "prelu": "y = PRelu(c, slope)",
    "transpose": "t = Transpose<perm = [0,2,1,3]>(c) y = Relu(t)",
    "channel shuffle": (
        "r = Reshape(c, shuffle) t = Transpose<perm = [0,2,1,3,4]>(r) q = Reshape(t, back) y = Conv(q, w4)"
    ),
    "tokens": "r = Reshape(c, flat) y = Transpose<perm = [0,2,1]>(r)",
    "matmul": "y = MatMul(c, m)",
    "gather channels": "y = Gather<axis = 1>(c, picks)",
    "pad": "y = Pad(c, pads)",
    "reduce without keeping": "axes = Constant<value_ints = [1]>() y = ReduceMax<keepdims = 0>(c, axes)",
    "depth to space": 'y = DepthToSpace<blocksize = 2, mode = "CRD">(c)',
    "squeeze and unsqueeze": "a = Constant<value_ints = [0]>() u = Unsqueeze(c, a) y = Squeeze(u, a)",
    "top-k": "k2 = Constant<value_ints = [2]>() y, i = TopK<axis = 1>(c, k2)",
}


@pytest.mark.parametrize("name", ON_PERMUTED)
def test_on_a_permuted_input(name: str) -> None:
    text = f"g (float[n,3,6,7] x) => (float[] y) {{ c = Conv<pads = [1,1,1,1]>(x, w) {ON_PERMUTED[name]} }}"
    shapes = {
        "shuffle": [0, 2, 2, 6, 7], "back": [0, 4, 6, 7], "flat": [0, 4, -1], "picks": [3, 0, -1],
        "pads": [0, 1, 2, 0, 0, 0, 0, 3],
    }  # fmt: skip
    weights = {
        "w": f32(4, 3, 3, 3), "k": f32(4, 1, 7), "v": f32(7), "k1": f32(2, 4, 2, 7), "s4": f32(4),
        "w4": f32(2, 4, 1, 1),
        "slope": f32(4, 1, 1), "m": f32(7, 5), **{key: np.array(shape) for key, shape in shapes.items()},
    }  # fmt: skip
    model = parse(
        text.replace("(float[] y)", "(float y)"), **{k: v for k, v in weights.items() if k in words(text)}
    )
    agrees(model, f32(2, 3, 6, 7))


def words(text: str) -> set[str]:
    return set(text.replace(",", " ").replace("(", " ").replace(")", " ").split())


def test_tokens_of_an_image_need_no_transpose() -> None:
    text = """g (float[n,3,8,8] x) => (float[n,l,4] y) {
        c = Conv<strides = [2,2]>(x, w) r = Reshape(c, flat) t = Transpose<perm = [0,2,1]>(r) y = MatMul(t, m)
    }"""
    lowered = agrees(parse(text, w=f32(4, 3, 2, 2), flat=np.array([0, 4, -1]), m=f32(4, 4)), f32(3, 3, 8, 8))
    assert "Transpose" not in kinds(lowered)


def test_shape_arithmetic_leaves_one_minus_one() -> None:
    text = """g (float[batch,6,8] x) => (float[a,b] y) {
        s = Shape(x) i0 = Constant<value_ints = [0]>() i1 = Constant<value_ints = [1]>()
        b = Gather<axis = 0>(s, i0) l = Gather<axis = 0>(s, i1) n = Mul(b, l)
        eight = Constant<value_ints = [8]>() t = Concat<axis = 0>(n, eight) y = Reshape(x, t)
    }"""
    lowered = agrees(parse(text), f32(3, 6, 8))
    assert not {"Shape", "Pack", "StridedSlice", "Mul"}.intersection(kinds(lowered))


def test_two_free_sizes() -> None:
    text = """g (float[batch,length,8] x) => (float[batch,length,2,4] y) {
        s = Shape<end = 2>(x) rest = Constant<value_ints = [2, 4]>()
        t = Concat<axis = 0>(s, rest) y = Reshape(x, t)
    }"""
    lowered = agrees(parse(text), f32(3, 5, 8))
    assert lowered.signature.outputs[0].shape == ("batch", "length", 2, 4)


def test_dead_code_and_constants_leave_nothing() -> None:
    text = """g (float[2,2] x) => (float[2,2] y) {
        dead = Exp(x) a = Add(k, k) b = Transpose(a) c = MatMul(b, k) y = Add(x, c)
    }"""
    assert [
        kind
        for kind in kinds(agrees(parse(text, k=f32(2, 2)), f32(2, 2)))
        if kind not in ("Placeholder", "Const", "Identity")
    ] == ["AddV2"]


def test_the_broadcast_axis_of_old_opsets() -> None:
    text = """<ir_version: 3, opset_import: ["": 6]> g (float[2,3,4] x) => (float[2,3,4] y) {
        y = Add<broadcast = 1, axis = 1>(x, k)
    }"""
    model = onnx.parser.parse_model(text)
    constant = np.array([1, 2, 3], np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(constant, "k"))
    model.graph.input.append(onnx.helper.make_tensor_value_info("k", onnx.TensorProto.FLOAT, [3]))
    x = f32(2, 3, 4)
    np.testing.assert_array_equal(lower(model).module.serving_default(x)["y"], x + constant[:, None])


def test_no_torch_is_imported() -> None:
    program = "import sys, convertkit.lowering; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_large_constant_is_kept_once() -> None:
    text = """tied (int64[n,l] ids) => (float[n,l,100] y) {
        e = Gather(table, ids) t = Transpose<perm = [1,0]>(table) y = MatMul(e, t)
    }"""
    lowered = agrees(parse(text, table=f32(100, 16)), np.array([[1, 2, 3], [4, 5, 99]]))
    assert len(lowered.module.weights) == 1


def test_names_that_tensorflow_cannot_keep() -> None:
    from onnx import TensorProto, helper

    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x:0", "class")]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x:0", "class"], ["out.1/y"])], "g", info,
        [helper.make_tensor_value_info("out.1/y", TensorProto.FLOAT, [2])],
    )  # fmt: skip
    lowered = agrees(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), f32(2), f32(2)
    )
    assert [spec.runtime_name for spec in lowered.signature.inputs] == ["x_0", "input_class"]
    assert lowered.signature.outputs[0].name == "out.1/y"
