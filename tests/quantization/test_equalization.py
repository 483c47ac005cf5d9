"""Equalized graphs compute what they did, and lose less in eight bits where a channel is out of line."""

import numpy as np
import pytest

from convertkit.quantization.equalization import equalize, factors_of, in_eight_bits
from convertkit.quantization.graph import Graph
from convertkit.quantization.junctions import find_junctions, scale
from convertkit.quantization.tables import equalize_tables
from tests.quantization.models import graph, initializer, run, weights

pytestmark = pytest.mark.slow

LARGEST = 127
CHAIN = """(float[N,3,9,9] x) => (float[N,5,6,6] y) {
    a = Conv <pads=[1,1,1,1]> (x, w1, b1) b = Relu (a) c = MaxPool <kernel_shape=[2,2]> (b)
    d = Conv <group=8> (c, w2, b2) e = LeakyRelu (d)
    f = ConvTranspose <group=2> (e, w3) g = Relu (f)
    y = Conv <group=1, strides=[2,2], pads=[1,1,2,2]> (g, w4, b4)
}"""
CHAIN_WEIGHTS = {
    "w1": weights(8, 3, 3, 3, seed=1), "b1": weights(8, seed=2),
    "w2": weights(16, 1, 3, 3, seed=3), "b2": weights(16, seed=4),
    "w3": weights(16, 4, 2, 2, seed=5),
    "w4": weights(5, 8, 3, 3, seed=6), "b4": weights(5, seed=7),
}  # fmt: skip
TOKENS = """(float[N,4,8] x) => (float[N,4,6] y) {
    n = LayerNormalization <axis=-1> (x, gain, shift)
    q = MatMul (n, wq) k = MatMul (n, wk) kb = Add (bk, k)
    s = Mul (q, kb)
    o = MatMul (s, wo) ob = Add (o, bo) r = Relu (ob)
    flat = Reshape (r, shape) h = Gemm <transB=1> (flat, wh, bh) t = Relu (h)
    z = Gemm (t, wz) y = Reshape (z, back)
}"""
TOKEN_WEIGHTS = {
    "gain": np.abs(weights(8, seed=1)) + 0.1, "shift": weights(8, seed=2),
    "wq": weights(8, 8, seed=3), "wk": weights(8, 8, seed=4), "bk": weights(8, seed=5),
    "wo": weights(8, 8, seed=6), "bo": weights(8, seed=7), "wh": weights(12, 8, seed=8),
    "bh": weights(12, seed=9), "wz": weights(12, 6, seed=10),
    "shape": np.array([-1, 8]), "back": np.array([-1, 4, 6]),
}  # fmt: skip
GRAPHS = {
    "chain": (CHAIN, CHAIN_WEIGHTS, (2, 3, 9, 9), {"c": 8, "e": 16, "g": 8}),
    "tokens": (TOKENS, TOKEN_WEIGHTS, (2, 4, 8), {"n": 8, "t": 12}),
}


def made(name, **changed):
    text, constants, shape, channels = GRAPHS[name]
    return graph(text, **(constants | changed)), shape, channels


def inputs(shape, count=8):
    random = np.random.default_rng(0)
    return [{"x": random.normal(size=shape).astype(np.float32)} for _ in range(count)]


@pytest.mark.parametrize("name", GRAPHS)
def test_any_factors_leave_the_outputs_as_they_were(name):
    model, shape, channels = made(name)
    before = run(model, **inputs(shape)[0])
    graph_ = Graph(model)
    found = find_junctions(graph_)
    assert {junction.value for junction in found} == set(channels)
    for junction in found:
        random = np.random.default_rng(1)
        scale(graph_, junction, np.exp(random.normal(size=channels[junction.value])))
    after = run(model, **inputs(shape)[0])
    assert np.abs(after - before).max() <= 1e-4 * np.abs(before).max()


def test_a_channel_out_of_line_is_brought_back():
    w1, b1, w2 = (CHAIN_WEIGHTS[name].copy() for name in ("w1", "b1", "w2"))
    w1[3] *= 1000
    b1[3] *= 1000
    w2[6:8] /= 1000
    model, shape, _ = made("chain", w1=w1, b1=b1, w2=w2)
    before = run(model, **inputs(shape)[0])
    assert equalize(Graph(model), inputs(shape), LARGEST, threads=1) >= 1
    ends = np.abs(initializer(model, "w1")).reshape(8, -1).max(axis=1)
    assert ends[3] < 10 * np.median(ends)
    after = run(model, **inputs(shape)[0])
    assert np.abs(after - before).max() <= 1e-4 * np.abs(before).max()


def test_where_nothing_is_gained_nothing_is_changed():
    text = "(float[N,4,5,5] x) => (float[N,4,5,5] y) { a = Conv (x, w1) b = Relu (a) y = Conv (b, w2) }"
    same = np.ones((4, 4, 1, 1), np.float32)
    model = graph(text, w1=same, w2=same)
    content = model.SerializeToString()
    assert equalize(Graph(model), inputs((1, 4, 5, 5)), LARGEST, threads=1) == 0
    assert model.SerializeToString() == content


@pytest.mark.parametrize(
    "between",
    [
        "b = Clip (a, low, high)",  # it clips at six of what comes in
        "b = Sigmoid (a)",
        "r = Relu (a) b = Add (r, a)",  # others read it too
    ],
)
def test_what_would_see_the_factor_bars_it(between):
    text = f"(float[N,4,5,5] x) => (float[N,4,5,5] y) {{ a = Conv (x, w1) {between} y = Conv (b, w2) }}"
    square = weights(4, 4, 1, 1)
    model = graph(text, w1=square, w2=square, low=np.float32(0), high=np.float32(6))
    assert find_junctions(Graph(model)) == []


def test_a_value_that_the_graph_gives_is_left():
    text = "(float[N,4] x) => (float[N,4] a, float[N,4] y) { a = MatMul (x, w1) y = MatMul (a, w2) }"
    model = graph(text, w1=weights(4, 4), w2=weights(4, 4))
    assert find_junctions(Graph(model)) == []


def test_a_bias_that_others_share_is_copied():
    text = """(float[N,4] x) => (float[N,4] y) {
        a = Gemm (x, w1, b) r = Relu (a) c = Gemm (r, w2, b) y = Gemm (c, w3, b)
    }"""
    model = graph(text, **{f"w{n}": weights(4, 4, seed=n) for n in (1, 2, 3)}, b=weights(4, seed=9))
    before = run(model, x=weights(3, 4, seed=5))
    graph_ = Graph(model)
    for junction in find_junctions(graph_):
        scale(graph_, junction, np.array([0.5, 2.0, 8.0, 1.0]))
    assert np.allclose(run(model, x=weights(3, 4, seed=5)), before, atol=1e-5)


ATTENTION = """(float[N,4,8] x, int64[N,4] t) => (float[N,4,8] y) {
    e = Gather (table, t) xe = Add (x, e)
    n = LayerNormalization <axis=-1> (xe, gain, shift)
    q = MatMul (n, wq) k = MatMul (n, wk) v = MatMul (n, wv)
    kt = Transpose <perm=[0,2,1]> (k) s = MatMul (q, kt) a = Softmax (s) c = MatMul (a, v)
    o = MatMul (c, wo) y = Add (o, n)
}"""


def attention(**changed):
    constants = {f"w{name}": weights(8, 8, seed=place) for place, name in enumerate("qkvo")}
    constants |= {
        "gain": np.ones(8, np.float32),
        "shift": weights(8, seed=8),
        "table": weights(20, 8, seed=9),
    }
    return graph(ATTENTION, **(constants | changed))


def tokens(count=8):
    random = np.random.default_rng(3)
    return [each | {"t": random.integers(0, 20, (2, 4))} for each in inputs((2, 4, 8), count)]


def test_where_a_residual_reads_the_value_too_a_product_takes_the_factor():
    gain = np.ones(8, np.float32)
    gain[5] = 40.0
    model = attention(gain=gain, wo=weights(8, 8, seed=7, scale=0.05))
    before = [run(model, **call) for call in tokens()]
    graph_ = Graph(model)
    assert [each.value for each in find_junctions(graph_)] == []
    assert equalize(graph_, tokens(), LARGEST, threads=1) >= 1
    (product,) = [node for node in model.graph.node if node.op_type == "Mul" and node.input[0] == "n"]
    readers = [node for node in model.graph.node if product.output[0] in node.input]
    assert [node.op_type for node in readers] == ["MatMul"] * 3
    assert graph_.uses["n"] == 2  # the product, and the residual connection
    after = [run(model, **call) for call in tokens()]
    assert np.abs(np.array(after) - before).max() <= 1e-4 * np.abs(before).max()


def test_columns_of_a_table_get_one_range():
    table = weights(20, 8, seed=9)
    table[:, 2] *= 50
    model = attention(table=table)
    before = run(model, **tokens()[0])
    assert equalize_tables(Graph(model)) == 1
    ends = np.abs(initializer(model, "table")).max(axis=0)
    assert ends == pytest.approx(np.full(8, ends[2]), rel=1e-5)
    after = run(model, **tokens()[0])
    assert np.abs(after - before).max() <= 1e-4 * np.abs(before).max()
    assert equalize_tables(Graph(model)) == 0


def test_a_table_that_weights_share_is_left():
    text = """(float[N,8] x, int64[N] t) => (float[N,20] y) {
        e = Gather (w, t) s = Add (e, x) y = Gemm <transB=1> (s, w)
    }"""
    table = weights(20, 8, seed=9)
    table[:, 2] *= 50
    assert equalize_tables(Graph(graph(text, w=table))) == 0


def test_factors():
    found = factors_of(np.array([8.0, 2.0, 0.0]), np.array([2.0, 2.0, 1.0]), 1.0)
    assert found == pytest.approx([2.0, 0.5, 1.0])
    assert factors_of(np.array([4.0, 4.0]), np.array([4.0, 1.0]), 0.0) == pytest.approx([0.5, 2.0])


def test_eight_bits_have_zero_and_both_ends():
    values = np.linspace(-1, 3, 9, dtype=np.float32)
    rounded = in_eight_bits(values, -1.0, 3.0)
    assert np.abs(rounded - values).max() <= 4 / 255 / 2 + 1e-6
    assert in_eight_bits(np.zeros(2, np.float32), -1.0, 3.0).tolist() == [0.0, 0.0]
