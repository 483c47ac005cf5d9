"""Batch normalizations go into the layer before them, exactly; what may not be folded stays."""

import numpy as np
import pytest

from convertkit.quantization.folding import fold_normalizations, fold_transposes
from convertkit.quantization.graph import Graph
from convertkit.quantization.layers import find_layers
from tests.quantization.models import graph, run, weights

pytestmark = pytest.mark.slow

NORMALIZE = "BatchNormalization <epsilon=0.01>"


def parameters(channels):
    names = ("scale", "shift", "mean")
    found = {name: weights(channels, seed=seed) for seed, name in enumerate(names)}
    return found | {"variance": np.abs(weights(channels, seed=9)) + 0.1}


@pytest.mark.parametrize(
    ("layer", "kernel"),
    [
        ("Conv (x, w)", (6, 4, 3, 3)),
        ("Conv (x, w, b)", (6, 4, 3, 3)),
        ("Conv <group=2> (x, w, b)", (6, 2, 3, 3)),
        ("ConvTranspose (x, w, b)", (4, 6, 3, 3)),
        ("ConvTranspose <group=2> (x, w)", (4, 3, 3, 3)),
    ],
)
def test_it_is_exact(layer, kernel):
    text = f"{{ c = {layer} n = {NORMALIZE} (c, scale, shift, mean, variance) y = Relu (n) }}"
    b = weights(6, seed=5)
    model = graph(f"(float[2,4,5,5] x) => (float[?] y) {text}", w=weights(*kernel), b=b, **parameters(6))
    x = weights(2, 4, 5, 5, seed=7)
    before = run(model, x=x)
    assert fold_normalizations(Graph(model)) == 1
    assert [node.op_type for node in model.graph.node] == [layer.partition(" ")[0], "Relu"]
    np.testing.assert_allclose(run(model, x=x), before, atol=1e-5)
    assert not {"mean", "variance"} & {tensor.name for tensor in model.graph.initializer}


def test_one_at_the_end_gives_the_output_of_the_graph():
    text = f"{{ c = Conv (x, w) y = {NORMALIZE} (c, scale, shift, mean, variance) }}"
    model = graph(f"(float[2,4,5,5] x) => (float[?] y) {text}", w=weights(6, 4, 1, 1), **parameters(6))
    x = weights(2, 4, 5, 5, seed=7)
    before = run(model, x=x)
    assert fold_normalizations(Graph(model)) == 1
    np.testing.assert_allclose(run(model, x=x), before, atol=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "{ c = Conv (x, w) n = BN (c, scale, shift, mean, variance) y = Add (n, c) }",
        "{ n = BN (x, scale, shift, mean, variance) y = Conv (n, w) }",
        "{ c = Conv (x, w) s = Relu (scale) y = BN (c, s, shift, mean, variance) }",
    ],
    ids=["the layer is read by another too", "it comes before the layer", "its scale is computed"],
)
def test_it_stays_where_that_would_change_something(text):
    text = text.replace("BN", "BatchNormalization")
    model = graph(f"(float[2,4,5,5] x) => (float[?] y) {text}", w=weights(4, 4, 1, 1), **parameters(4))
    before = model.SerializeToString()
    assert fold_normalizations(Graph(model)) == 0
    assert model.SerializeToString() == before


def test_a_weight_that_is_a_transposed_constant_becomes_one():
    text = "{ k = Transpose (w) m = MatMul (x, k) p = Transpose <perm=[1,0]> (m) y = Relu (p) }"
    model = graph(f"(float[2,4] x) => (float[?] y) {text}", w=weights(6, 4))
    x = weights(2, 4, seed=7)
    before = run(model, x=x)
    found = Graph(model)
    fold_transposes(found)
    assert [node.op_type for node in model.graph.node] == ["MatMul", "Transpose", "Relu"]
    assert [layer.weight for layer in find_layers(found)] == ["k"]
    assert [tensor.name for tensor in model.graph.initializer] == ["k"]
    np.testing.assert_array_equal(run(model, x=x), before)


def test_a_table_that_is_looked_up_in_as_well_is_not_doubled():
    text = "{ a = Gather (w, i) k = Transpose (w) y = MatMul (a, k) }"
    model = graph(f"(int64[3] i) => (float[?] y) {text}", w=weights(6, 4))
    before = model.SerializeToString()
    fold_transposes(Graph(model))
    assert model.SerializeToString() == before
