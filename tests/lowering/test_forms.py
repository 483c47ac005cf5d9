"""The operators of TFLite that a graph ends as: the ones with the fewest steps, right at two batches."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from convertkit.artifacts.signature import to_logical, to_physical
from convertkit.lowering import Lowered, lower
from tests.lowering.oracle import expected, parse

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(5)


def f32(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def interpreter_of(lowered: Lowered) -> Any:
    """Without a delegate, so that it tells the operators."""
    converter = tf.lite.TFLiteConverter.from_concrete_functions([lowered.concrete], lowered.module)
    return Interpreter(
        model_content=converter.convert(),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )


def operators(text: str, *shape: int, **weights: Any) -> list[str]:
    """TFLite's operators for a graph of one input, after its results were compared at batch 1 and 3."""
    model = parse(text, **weights)
    lowered = lower(model)
    interpreter = interpreter_of(lowered)
    (source,), (result,) = lowered.signature.inputs, lowered.signature.outputs
    entry, *_ = interpreter.get_input_details()
    found = sorted(row["op_name"] for row in interpreter._get_ops_details())
    for batch in (1, 3):
        x = f32(batch, *shape)
        given = to_physical(x, source)
        interpreter.resize_tensor_input(entry["index"], given.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(entry["index"], given)
        interpreter.invoke()
        got = to_logical(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), result)
        np.testing.assert_allclose(got, expected(model, [x])[0], rtol=1e-4, atol=1e-5)
    return found


SLOPES = {
    "of channels in 2-D": ((4, 5, 5), (4, 1, 1), ["PRELU"]),
    "of channels in 1-D": ((4, 9), (4, 1), ["PRELU"]),
    "of features": ((4,), (4,), ["PRELU"]),
    "of one number": ((4, 5, 5), (1,), ["LEAKY_RELU"]),
}


@pytest.mark.parametrize("name", SLOPES)
def test_a_prelu_is_one_operator(name: str) -> None:
    shape, slope, wanted = SLOPES[name]
    text = f"g (float[{','.join(['n', *map(str, shape)])}] x) => (float y) {{ y = PRelu(x, slope) }}"
    assert operators(text, *shape, slope=RNG.uniform(0.1, 0.5, slope).astype(np.float32)) == wanted


def test_a_prelu_after_a_convolution_is_one_operator() -> None:
    text = """g (float[n,3,8,8] x) => (float y) {
        c = Conv<pads = [1,1,1,1]>(x, w) p = PRelu(c, slope) y = ReduceMean<keepdims = 0>(p, axes)
    }"""
    weights = {"w": f32(4, 3, 3, 3), "slope": np.float32([0.1, 0.2, 0.3, 1.5]).reshape(4, 1, 1)}
    assert operators(text, 3, 8, 8, axes=np.array([2, 3]), **weights) == ["CONV_2D", "MEAN", "PRELU"]


LINES = {
    "a convolution": ("y = Conv(x, w)", ["CONV_2D", "RESHAPE", "RESHAPE", "TRANSPOSE"]),
    "a padded convolution": (
        "y = Conv<pads = [1,1], strides = [2]>(x, w)",
        ["CONV_2D", "PAD", "RESHAPE", "RESHAPE", "TRANSPOSE"],
    ),
    "a pool": (
        "y = MaxPool<kernel_shape = [2], strides = [2]>(x)",
        ["MAX_POOL_2D", "RESHAPE", "RESHAPE", "TRANSPOSE"],
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_windows_over_one_axis_are_reshaped_not_sliced(name: str) -> None:
    body, wanted = LINES[name]
    text = f"g (float[n,3,8] x) => (float y) {{ {body} }}"
    assert operators(text, 3, 8, w=f32(4, 3, 3)) == wanted


REPEATED = {
    "a mask of zeros": (
        """b = Shape<start = 0, end = 1>(x) e = Concat<axis = 0>(b, rest) kept = Expand(all, e)
        m = Where(kept, zero, low) s = MatMul(x, t) a = Add(s, m) p = Softmax<axis = -1>(a)
        bad = IsNaN(p) y = Where(bad, zero, p)""",
        ["BATCH_MATMUL", "SOFTMAX"],
    ),
    "no mask": (
        "s = MatMul(x, t) h = Mul(s, half) p = Softmax<axis = -1>(h) bad = IsNaN(p) y = Where(bad, zero, p)",
        ["BATCH_MATMUL", "MUL", "SOFTMAX"],
    ),
    "a mask that leaves every row something": (
        """b = Shape<start = 0, end = 1>(x) e = Concat<axis = 0>(b, rest) kept = Expand(causal, e)
        m = Where(kept, zero, low) s = MatMul(x, t) a = Add(s, m) p = Softmax<axis = -1>(a)
        bad = IsNaN(p) y = Where(bad, zero, p)""",
        ["BATCH_MATMUL", "REDUCE_MIN", "SELECT_V2", "SOFTMAX", "SUB"],
    ),
    "indices of an embedding": (
        """b = Shape<start = 0, end = 1>(x) e = Concat<axis = 0>(b, four) i = Expand(numbers, e)
        w = Gather(table, i) u = Unsqueeze(w, one) y = Add(x, u)""",
        ["ADD"],
    ),
    "what is cut and joined": (
        """b = Shape<start = 0, end = 1>(x) e = Concat<axis = 0>(b, four) i = Expand(numbers, e)
        l = Slice(i, none, two, one) r = Slice(i, two, four, one) j = Concat<axis = -1>(r, l)
        c = CumSum(j, last) f = Cast<to = 1>(c) u = Unsqueeze(f, places) y = Mul(x, u)""",
        ["MUL"],
    ),
    "what is picked for each of the batch": (
        """b = Shape<start = 0, end = 1>(x) e = Concat<axis = 0>(b, four) m = Expand(numbers, e)
        s = Squeeze(b) r = Range(first, s, last) u = Unsqueeze(r, one) w = Expand(u, e) i = Unsqueeze(w, two)
        p = Expand(positions, e) j = Unsqueeze(p, two) c = Concat<axis = -1>(i, j) g = GatherND(m, c)
        f = Cast<to = 1>(g) z = Unsqueeze(f, places) y = Mul(x, z)""",
        ["MUL"],
    ),
}


@pytest.mark.parametrize("name", REPEATED)
def test_constants_repeated_over_the_batch_cost_nothing(name: str) -> None:
    body, wanted = REPEATED[name]
    text = f"g (float[n,3,4,5] x) => (float y) {{ {body} }}"
    known = {
        "rest": np.array([1, 4, 4]), "all": np.ones((1, 1, 4, 1), bool), "zero": np.float32(0),
        "low": np.float32(-np.inf), "t": f32(1, 1, 5, 4), "half": np.float32(0.5),
        "causal": np.tril(np.ones((1, 1, 4, 4), bool)), "four": np.array([4]),
        "numbers": np.array([[3, 0, 1, 2]]), "last": np.array(1),
        "table": f32(6, 5), "one": np.array([1]), "none": np.array([0]), "two": np.array([2]),
        "places": np.array([1, 3]), "first": np.array(0), "positions": np.array([[2, -1, 2, 1]]),
    }  # fmt: skip
    used = {key: value for key, value in known.items() if re.search(rf"\b{key}[,)]", body)}
    assert operators(text, 3, 4, 5, **used) == wanted


def test_what_is_picked_by_a_place_that_only_a_run_knows_is_gathered() -> None:
    text = """g (float[n,4] x) => (float y) {
        b = Shape<start = 0, end = 1>(x) e = Concat<axis = 0>(b, four) m = Expand(numbers, e)
        s = Squeeze(b) r = Range(first, s, one) i = Unsqueeze(r, last) j = ArgMax<axis = -1>(x)
        c = Concat<axis = -1>(i, j) g = GatherND(m, c) u = Unsqueeze(g, last) y = Add(x, u)
    }"""
    known = {"four": np.array([4]), "numbers": f32(1, 4), "first": np.array(0), "one": np.array(1)}
    assert "GATHER_ND" in operators(text, 4, last=np.array([1]), **known)


def test_booleans_are_gathered_as_whole_numbers_that_older_runtimes_know() -> None:
    text = """g (float[n,4] x) => (float y) {
        kept = Greater(x, zero) places = ArgMax<axis = -1>(x) picked = GatherElements<axis = 1>(kept, places)
        y = Where(picked, x, zero)
    }"""
    found = operators(text, 4, zero=np.float32(0))
    assert found.count("GATHER_ND") == 1
    assert found.count("CAST") >= 2  # version 5 of GATHER_ND, which takes booleans, came after tflite-runtime


def test_a_row_that_is_wholly_masked_keeps_its_guard() -> None:
    text = """g (float[n,3,4,5] x) => (float y) {
        b = Shape<start = 0, end = 1>(x) e = Concat<axis = 0>(b, rest) kept = Expand(some, e)
        m = Where(kept, zero, low) s = MatMul(x, t) a = Add(s, m) p = Softmax<axis = -1>(a)
        bad = IsNaN(p) y = Where(bad, zero, p)
    }"""
    some = np.ones((1, 1, 4, 4), bool)
    some[:, :, 2] = False
    known = {"rest": np.array([1, 4, 4]), "zero": np.float32(0), "low": np.float32(-np.inf), "some": some}
    assert operators(text, 3, 4, 5, t=f32(1, 1, 5, 4), **known).count("SELECT_V2") == 2


def test_a_mask_that_widens_the_scores_still_does() -> None:
    text = """g (float[n,1,4,5] x) => (float y) {
        s = MatMul(x, t) a = Add(s, m) p = Softmax<axis = -1>(a) y = Mul(p, p)
    }"""
    mask = np.zeros((1, 2, 4, 4), np.float32)
    assert "SOFTMAX" in operators(text, 1, 4, 5, t=f32(1, 1, 5, 4), m=mask)


TOKEN = "b = Shape<start = 0, end = 1>(x) e = Concat<axis = 0>(b, rest) t = Expand(token, e)"
JOINS = {
    "a class token": ("y = Concat<axis = 1>(t, x)", ["ADD", "PAD"]),
    "tokens on both sides": ("y = Concat<axis = -2>(t, x, t)", ["ADD", "PAD"]),
    "a token and positions": ("c = Concat<axis = 1>(t, x) y = Add(c, places)", ["ADD", "PAD"]),
}


@pytest.mark.parametrize("name", JOINS)
def test_a_class_token_reads_no_batch(name: str) -> None:
    body, wanted = JOINS[name]
    text = f"g (float[n,4,5] x) => (float y) {{ {TOKEN} {body} }}"
    known = {"rest": np.array([1, 5]), "token": f32(1, 1, 5)}
    known |= {"places": f32(1, 5, 5)} if "places" in body else {}
    assert operators(text, 4, 5, **known) == wanted


def test_positions_that_widen_the_tokens_still_do() -> None:
    text = f"g (float[n,4,5] x) => (float y) {{ {TOKEN} c = Concat<axis = 1>(t, x) y = Add(c, places) }}"
    known = {"rest": np.array([1, 5]), "token": f32(1, 1, 5), "places": f32(2, 1, 5, 5)}
    assert "PAD" in operators(text, 4, 5, **known)


def test_padding_by_zeros_is_the_operator_that_convolutions_take_in() -> None:
    text = "g (float[n,3,6,6] x) => (float y) { p = Pad(x, pads) y = Conv<strides = [2,2]>(p, w) }"
    pads = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    assert operators(text, 3, 6, 6, pads=pads, w=f32(4, 3, 3, 3)) == ["CONV_2D", "PAD", "TRANSPOSE"]


def test_padding_by_a_zero_that_is_told_is_padding_by_zeros() -> None:
    text = """g (float[n,3,6,6] x) => (float y) {
        c = Conv(x, w) p = Pad(c, pads, zero) y = MaxPool<kernel_shape = [2,2], strides = [2,2]>(p)
    }"""
    pads = np.array([0, 0, 0, 0, 0, 0, 2, 2])
    found = operators(text, 3, 6, 6, pads=pads, zero=np.float32(0), w=f32(4, 3, 3, 3))
    assert "PAD" in found
    assert "PADV2" not in found


CONNECTED = {
    "flattened": ("f = Flatten(c) y = Gemm(f, m, b)", (84, 5)),
    "reshaped": ("f = Reshape(c, rows) y = Gemm<transB = 1>(f, m, b)", (5, 84)),
    "without a bias": ("f = Flatten(c) y = MatMul(f, m)", (84, 5)),
}


@pytest.mark.parametrize("name", CONNECTED)
def test_a_layer_over_all_axes_takes_them_as_they_lie(name: str) -> None:
    body, shape = CONNECTED[name]
    text = f"g (float[n,3,5,9] x) => (float y) {{ c = Conv<strides = [1,1]>(x, w) {body} }}"
    known = {"rows": np.array([-1, 84])} if "rows" in body else {}
    known |= {"b": f32(5)} if "b)" in body else {}
    found = operators(text, 3, 5, 9, w=f32(4, 3, 3, 3), m=f32(*shape), **known)
    assert found == ["CONV_2D", "FULLY_CONNECTED", "RESHAPE"]


BLOCKS = {
    "without overlap": ("y = ConvTranspose<strides = [2,2]>(c, t, b)", True),
    "of one pixel and more": ("y = ConvTranspose<strides = [1,1]>(c, t, b)", False),
    "with a margin": ("y = ConvTranspose<strides = [2,2], output_padding = [1,1]>(c, t, b)", False),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_transposed_convolution_of_a_free_batch(name: str) -> None:
    body, is_spread = BLOCKS[name]
    text = f"g (float[n,3,4,6] x) => (float y) {{ c = Relu(x) {body} }}"
    found = operators(text, 3, 4, 6, t=f32(3, 4, 2, 2), b=f32(4))
    assert ("DEPTH_TO_SPACE" in found, "TRANSPOSE_CONV" in found) == (is_spread, not is_spread)
