"""A refined graph: its weights on the grid, its outputs nearer to the float ones, means as before."""

import numpy as np
import onnx
import pytest

from convertkit.quantization import calls as calls_that_fit
from convertkit.quantization import refinement
from convertkit.quantization.grid import channel_scales, nearest
from convertkit.quantization.refinement import refine
from tests.quantization.models import graph, initializer, run, weights

pytestmark = pytest.mark.slow

NETWORK = """(float[N,3,12,12] x) => (float[N,10] y) {
    c1 = Conv <pads=[1,1,1,1], strides=[2,2]> (x, w1, b1) r1 = Relu (c1)
    c2 = Conv <group=16, pads=[1,1,1,1]> (r1, w2) r2 = Relu (c2)
    c3 = Conv (r2, w3, b1) s = Add (c3, r1) r3 = Relu (s)
    p = GlobalAveragePool (r3) f = Flatten (p)
    y = Gemm <transB=1> (f, w4, b4)
}"""
WEIGHTS = {
    "w1": weights(16, 3, 3, 3, seed=1),
    "w2": weights(16, 1, 3, 3, seed=2),
    "w3": weights(16, 16, 1, 1, seed=3),
    "w4": weights(10, 16, seed=4),
}


def network(**changed):
    constants = {**WEIGHTS, "b1": weights(16, seed=5), "b4": weights(10, seed=6)} | changed
    return graph(NETWORK, **constants)


def calls(count=24, seed=7, shape=(1, 3, 12, 12)):
    smooth = np.random.default_rng(seed).normal(size=(count, *shape)).cumsum(-1).cumsum(-2)
    return [{"x": each.astype(np.float32) / 4} for each in smooth]


def to_nearest(largest):
    """The weights as a quantizer rounds them."""
    found = {}
    for name, values in WEIGHTS.items():
        rows = values.reshape(len(values), -1).astype(np.float64)
        scales = channel_scales(rows, largest)
        found[name] = (nearest(rows, scales, largest) * scales).astype(np.float32).reshape(values.shape)
    return found


def outputs(model, given):
    return np.concatenate([run(model, **call) for call in given])


def sqnr_db(reference, values):
    return 10 * np.log10(np.sum(reference**2) / np.sum((reference - values) ** 2))


@pytest.mark.parametrize("largest", [127, 64])
def test_it_is_nearer_on_samples_that_it_has_not_seen(largest):
    given = calls(16, seed=99)
    reference = outputs(network(), given)
    model = network()
    refined = refine(model, calls(), largest, threads=1)
    assert (refined.layers, refined.left, refined.biases, refined.calls) == (4, 0, 4, 24)
    onnx.checker.check_model(model)
    plain = sqnr_db(reference, outputs(network(**to_nearest(largest)), given))
    assert sqnr_db(reference, outputs(model, given)) > plain + 3


def test_its_weights_are_on_the_grid_with_the_ends_where_they_were(monkeypatch):
    monkeypatch.setattr(refinement, "equalize", lambda *_: 0)
    model = network()
    refine(model, calls(), 127, threads=1)
    for name, before in WEIGHTS.items():
        rows = initializer(model, name).reshape(len(before), -1).astype(np.float64)
        steps = rows / channel_scales(rows, 127)
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
        np.testing.assert_allclose(
            np.abs(rows).max(1), np.abs(before).reshape(len(before), -1).max(1), rtol=1e-6
        )


def test_the_mean_of_its_output_is_that_of_the_float_graph():
    given = calls()
    reference = outputs(network(), given).mean(0)
    model = network()
    refine(model, given, 127, threads=1)
    np.testing.assert_allclose(outputs(model, given).mean(0), reference, atol=2e-6)
    far = outputs(network(**to_nearest(127)), given).mean(0) - reference
    assert np.abs(far).max() > 1e-3


def test_a_bias_that_two_layers_share_becomes_two_and_a_missing_one_is_made():
    model = network()
    refine(model, calls(), 127, threads=1)
    nodes = {node.output[0]: node for node in model.graph.node}
    names = [nodes[output].input[2] for output in ("c1", "c2", "c3")]
    assert len(set(names)) == 3
    assert "b1" not in {tensor.name for tensor in model.graph.initializer}
    onnx.checker.check_model(model)


def test_the_same_calls_give_the_same_bytes():
    first, second = network(), network()
    refine(first, calls(), 127, threads=1)
    refine(second, calls(), 127, threads=1)
    assert first.SerializeToString() == second.SerializeToString()


def test_a_product_with_an_addition_after_it_has_its_bias_there():
    text = "(float[1,T,8] x) => (float[1,T,6] y) { m = MatMul (x, w) a = Add (b, m) y = Relu (a) }"
    constants = {"w": weights(8, 6), "b": weights(6, seed=1)}
    model, before = graph(text, **constants), graph(text, **constants)
    given = [{"x": weights(1, 5 + at, 8, seed=at, scale=1)} for at in range(12)]
    assert refine(model, given, 127, threads=1).biases == 1
    onnx.checker.check_model(model)
    shift = [run(one, **given[3]) for one in (before, model)]
    assert sqnr_db(*shift) > 30
    assert not np.array_equal(initializer(model, model.graph.node[1].input[0]), constants["b"])


def test_branches_read_values_of_the_graph_around_them():
    text = """(float[N,3,12,12] x, bool flag) => (float[?] y) {
        c = Conv (x, w) r = Relu (c)
        z = If (flag) <
            then_branch = t () => (float[?] u) { u = Mul (r, two) },
            else_branch = e () => (float[?] v) { v = Identity (c) }
        >
        y = Conv (z, w3)
    }"""
    constants = {"w": WEIGHTS["w1"], "w3": WEIGHTS["w3"], "two": np.array(2, np.float32)}
    model = graph(text, **constants)
    given = [call | {"flag": np.array(at % 2 == 0)} for at, call in enumerate(calls())]
    assert refine(model, given, 127, threads=1).layers == 2
    assert sqnr_db(run(graph(text, **constants), **given[0]), run(model, **given[0])) > 35


def test_loops_have_inputs_and_constants_of_their_own():
    text = """(float[N,3,12,12] x) => (float[?] y) {
        c = Conv (x, w)
        z = Loop (three, yes, c) <body = b (int64 i, bool go, float[?] before)
            => (bool on, float[?] after) <float half = {0.5}> {
            on = Identity (go) shrunk = Mul (before, half) after = Add (shrunk, c)
        }>
        y = Conv (z, w3)
    }"""
    constants = {"w": WEIGHTS["w1"], "w3": WEIGHTS["w3"], "three": np.array(3), "yes": np.array(True)}
    model = graph(text, **constants)
    assert refine(model, calls(), 127, threads=1).layers == 2
    given = calls(1)[0]
    assert sqnr_db(run(graph(text, **constants), **given), run(model, **given)) > 35


def test_weights_that_an_old_file_lists_among_its_inputs_are_constants():
    model = graph("(float[N,3,12,12] x) => (float[?] y) { y = Conv (x, w) }", w=WEIGHTS["w1"])
    model.graph.input.append(onnx.helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, [16, 3, 3, 3]))
    model.ir_version = 3
    assert refine(model, calls(), 127, threads=1).layers == 1
    assert [value.name for value in model.graph.input] == ["x"]
    onnx.checker.check_model(model)


def test_calls_that_do_not_fit_into_memory_are_left_out(monkeypatch):
    one = sum(a.nbytes for a in (np.zeros((16, 6, 6), np.float32),))
    monkeypatch.setattr(calls_that_fit, "MOST_BYTES", 10 * one)
    monkeypatch.setattr(calls_that_fit, "FEWEST_CALLS", 2)
    model = network()
    refined = refine(model, calls(), 127, threads=1)
    assert 2 <= refined.calls < 24
    assert sqnr_db(outputs(network(), calls()), outputs(model, calls())) > 25


def test_a_layer_that_is_too_wide_is_rounded_to_nearest(monkeypatch):
    monkeypatch.setattr("convertkit.quantization.hessian.MOST_ENTRIES", 300)
    model = network()
    refined = refine(model, calls(), 127, threads=1)
    assert (refined.layers, refined.left, refined.biases) == (2, 2, 4)
    np.testing.assert_allclose(initializer(model, "w1"), to_nearest(127)["w1"], rtol=1e-6)


def test_a_graph_without_layers_stays_as_it_is():
    model = graph("(float[2] x) => (float[2] y) { y = Relu (x) }")
    before = model.SerializeToString()
    refined = refine(model, [{"x": np.ones(2, np.float32)}], 127, threads=1)
    assert refined.layers == refined.biases == 0
    assert model.SerializeToString() == before
