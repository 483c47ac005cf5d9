"""A layer is its rows times the columns of its input: compared with what ONNX Runtime gives."""

import numpy as np
import pytest

from convertkit.quantization.columns import columns_of
from convertkit.quantization.graph import Graph
from convertkit.quantization.layers import find_layers, rows_of, weights_of
from tests.quantization.models import graph, run, weights

pytestmark = pytest.mark.slow

EVERY = 1 << 20
CONVOLUTIONS = {
    "plain": ("Conv", (6, 4, 3, 3), (2, 4, 7, 8), ""),
    "at one position": ("Conv", (6, 4, 1, 1), (2, 4, 5, 5), ""),
    "stride, uneven padding": ("Conv", (6, 4, 3, 2), (2, 4, 7, 8), "<strides=[2,3], pads=[1,0,2,1]>"),
    "dilated": ("Conv", (6, 4, 3, 3), (1, 4, 9, 9), "<dilations=[2,3], pads=[2,3,2,3]>"),
    "grouped": ("Conv", (6, 2, 3, 3), (2, 4, 6, 6), "<group=2>"),
    "depthwise": ("Conv", (4, 1, 3, 3), (2, 4, 6, 6), "<group=4, pads=[1,1,1,1]>"),
    "depthwise, two a channel": ("Conv", (8, 1, 5, 5), (1, 4, 6, 6), "<group=4>"),
    "SAME_UPPER": ("Conv", (6, 4, 3, 3), (1, 4, 8, 7), '<auto_pad="SAME_UPPER", strides=[2,2]>'),
    "SAME_LOWER": ("Conv", (6, 4, 4, 2), (1, 4, 8, 7), '<auto_pad="SAME_LOWER", strides=[2,2]>'),
    "VALID": ("Conv", (6, 4, 3, 3), (1, 4, 8, 7), '<auto_pad="VALID">'),
    "one axis": ("Conv", (6, 4, 3), (2, 4, 9), "<strides=[2], pads=[1,1]>"),
    "three axes": ("Conv", (6, 4, 3, 2, 2), (1, 4, 5, 5, 5), "<pads=[1,0,0,1,0,0]>"),
    "transposed": ("ConvTranspose", (4, 6, 3, 3), (2, 4, 5, 4), ""),
    "transposed, stride": (
        "ConvTranspose",
        (4, 6, 3, 3),
        (2, 4, 5, 4),
        "<strides=[2,3], pads=[1,1,0,1], output_padding=[1,0]>",
    ),
    "transposed, padded by more than it reaches": (
        "ConvTranspose",
        (4, 6, 2, 2),
        (1, 4, 6, 6),
        "<pads=[2,2,2,2]>",
    ),
    "transposed, grouped, dilated": (
        "ConvTranspose",
        (4, 3, 3, 3),
        (2, 4, 5, 4),
        "<group=2, dilations=[2,1]>",
    ),
    "transposed, one axis": ("ConvTranspose", (4, 6, 4), (2, 4, 9), "<strides=[2], pads=[1,1]>"),
}


def layer_of_model(model):
    found = Graph(model)
    (layer,) = find_layers(found)
    return layer, found.constants[layer.weight]


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_a_convolution_is_rows_times_columns(case):
    operator, kernel, given, attributes = CONVOLUTIONS[case]
    text = f"({axes('x', given)}) => (float[?] y) {{ y = {operator} {attributes} (x, w) }}"
    model = graph(text, w=weights(*kernel))
    x = weights(*given, seed=1, scale=1)
    layer, values = layer_of_model(model)
    expected = run(model, x=x)
    rows = rows_of(layer, values)
    product = rows @ columns_of(layer, x, EVERY, np.random.default_rng(0)).transpose(0, 2, 1)
    product = product.reshape(layer.channels, len(x), -1).swapaxes(0, 1)
    np.testing.assert_allclose(product, expected.reshape(product.shape), atol=1e-5)
    np.testing.assert_array_equal(weights_of(layer, rows), values)


def axes(name, shape):
    return f"float[{','.join(map(str, shape))}] {name}"


@pytest.mark.parametrize(
    ("text", "shape", "given"),
    [
        ("y = Gemm <transB=1> (x, w)", (6, 4), (5, 4)),
        ("y = Gemm (x, w)", (4, 6), (5, 4)),
        ("y = MatMul (x, w)", (4, 6), (2, 3, 4)),
    ],
    ids=["[channels, inputs]", "[inputs, channels]", "of three axes"],
)
def test_a_product_is_rows_times_columns(text, shape, given):
    model = graph(f"({axes('x', given)}) => (float[?] y) {{ {text} }}", w=weights(*shape))
    x = weights(*given, seed=1)
    layer, values = layer_of_model(model)
    rows = rows_of(layer, values)
    product = rows @ columns_of(layer, x, EVERY, np.random.default_rng(0)).transpose(0, 2, 1)
    np.testing.assert_allclose(product[0].T, run(model, x=x).reshape(-1, 6), atol=1e-5)
    np.testing.assert_array_equal(weights_of(layer, rows), values)


def test_where_there_are_more_positions_than_asked_for_some_of_them_are_taken():
    model = graph("(float[1,4,20,20] x) => (float[?] y) { y = Conv (x, w) }", w=weights(6, 4, 3, 3))
    layer, _ = layer_of_model(model)
    x = weights(1, 4, 20, 20, seed=1)
    every = columns_of(layer, x, EVERY, np.random.default_rng(0))[0]
    some = columns_of(layer, x, 50, np.random.default_rng(0))[0]
    assert some.shape == (50, 36)
    assert len(np.unique(some, axis=0)) == 50
    assert {row.tobytes() for row in some} <= {row.tobytes() for row in every}


@pytest.mark.parametrize(
    "text",
    [
        "{ y = MatMul (w, x) }",
        "{ y = Gemm <alpha=0.5> (x, w) }",
        "{ y = Gemm <transA=1> (x, w) }",
        "{ a = MatMul (x, w) y = MatMul (a, w) }",
        "{ y = MatMul (x, x) }",
        '{ y = ConvTranspose <auto_pad="SAME_UPPER"> (x, k) }',
    ],
    ids=["the weight first", "scaled", "input transposed", "shared", "no weight", "padding by a rule"],
)
def test_other_forms_are_no_layers(text):
    shape = "1,4,6,6" if "ConvTranspose" in text else "4,4"
    model = graph(f"(float[{shape}] x) => (float[?] y) {text}", w=weights(4, 4), k=weights(4, 4, 3, 3))
    assert find_layers(Graph(model)) == []
