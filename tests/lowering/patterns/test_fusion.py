"""Broken-up patterns come out as one form, and only where they are that pattern."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("tensorflow")
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from convertkit.artifacts.signature import to_logical, to_physical
from convertkit.lowering import Lowered, lower
from tests.lowering.oracle import agrees, expected, kinds, parse

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(3)
CONSTANTS = {
    "root": np.float32(2**0.5),
    "inverse": np.float32(0.5**0.5),
    "zero": np.float32(0),
    "one": np.float32(1),
    "two": np.float32(2),
    "three": np.float32(3),
    "six": np.float32(6),
    "half": np.float32(0.5),
    "third": np.float32(1 / 3),
    "small": np.float32(1e-5),
    "bend": np.float32(0.044715),
    "slope": np.float32(math.sqrt(2 / math.pi)),
    "lowest": np.float32(-3.4028235e38),
    "infinite": np.float32(-np.inf),
    "last": np.array([-1]),
    "area": np.array([2, 3]),
    "width": np.array([3]),
    "height": np.array([2]),
    "groups": np.array([0, 2, -1]),
    "ones": np.ones(2, np.float32),
    "zeros": np.zeros(2, np.float32),
    "scale": RNG.uniform(0.5, 2, 8).astype(np.float32),
    "bias": RNG.standard_normal(8).astype(np.float32),
    "scales": RNG.uniform(0.5, 2, (8, 1, 1)).astype(np.float32),
    "biases": RNG.standard_normal((1, 8, 1, 1)).astype(np.float32),
    "kernel": (RNG.standard_normal((8, 8, 1, 1)) / 3).astype(np.float32),
    "causal": np.where(np.tri(8, dtype=bool), 0, -np.inf).astype(np.float32),
    "biased": RNG.standard_normal((8, 8)).astype(np.float32),
    "from_end": np.array([-1]),
    "before": np.array([-2]),
    "start": np.array([-(2**63)]),
    "end": np.array([2**63 - 1]),
}
ROW = "float[n,7,8] x"
IMAGE = "float[n,8,6,5] x"
HEADS = "float[n,3,8,4] q, float[n,3,8,4] k, float[n,3,8,4] v"
MASK = ", bool[n,1,8,8] m"

NORM = "MEAN SUB MUL MEAN ADD RSQRT MUL MUL ADD"
ATTEND = "t = Transpose<perm=[0,1,3,2]>(k) a = Mul(q, third) b = Mul(t, third) s = MatMul(a, b)"
SHARE = "p = Softmax<axis=-1>(w) y = MatMul(p, v)"
FOLDED = """
    z = Shape(k) l = Slice(z, from_end, end) d = Slice(z, before, from_end) h = Slice(z, start, before)
    f = Concat<axis=0>(from_end, d, l) g = Concat<axis=0>(h, l, d)
    r = Reshape(k, f) u = Transpose<perm=[0,2,1]>(r) t = Reshape(u, g)
    a = Mul(q, third) b = Mul(t, third) s = MatMul(a, b)"""
KEPT = "MUL BATCH_MATMUL REDUCE_MIN SUB SELECT_V2 SOFTMAX"
CENTRED = "m = ReduceMean(x, last) c = Sub(x, m)"
TANH = "i = Mul(slope, g) t = Tanh(i) p = Add(one, t) m = Mul(x, p) y = Mul(half, m)"

# name → inputs, nodes, TFLite operators in any order
PATTERNS: dict[str, tuple[str, str, str]] = {
    "softmax in float64": (
        ROW,
        "d = Cast<to = 11>(x) s = Softmax(d) y = Cast<to = 1>(s)",
        "SOFTMAX",
    ),
    "GELU, half last": (
        ROW,
        "a = Div(x, root) e = Erf(a) p = Add(e, one) m = Mul(x, p) y = Mul(m, half)",
        "GELU",
    ),
    "GELU, half first": (
        ROW,
        "h = Mul(x, half) a = Mul(x, inverse) e = Erf(a) p = Add(one, e) y = Mul(h, p)",
        "GELU",
    ),
    "GELU, half on the sum": (
        ROW,
        "a = Div(x, root) e = Erf(a) p = Add(e, one) m = Mul(half, p) y = Mul(m, x)",
        "GELU",
    ),
    "GELU by tanh": (ROW, f"c = Pow(x, three) b = Mul(bend, c) g = Add(x, b) {TANH}", "GELU"),
    "GELU by tanh, cube by products": (
        ROW,
        f"s = Mul(x, x) c = Mul(x, s) b = Mul(bend, c) g = Add(x, b) {TANH}",
        "GELU",
    ),
    "LayerNorm": (ROW, "y = LayerNormalization<axis=-1, epsilon=0.00001>(x, scale, bias)", NORM),
    "LayerNorm by steps": (
        ROW,
        f"""{CENTRED} s = Pow(c, two) v = ReduceMean(s, last) e = Add(v, small) d = Sqrt(e) n = Div(c, d)
            w = Mul(n, scale) y = Add(w, bias)""",
        NORM,
    ),
    "LayerNorm by a reciprocal": (
        ROW,
        f"""{CENTRED} s = Mul(c, c) v = ReduceMean(s, last) e = Add(v, small) d = Sqrt(e) i = Reciprocal(d)
            n = Mul(c, i) w = Mul(scale, n) y = Add(bias, w)""",
        NORM,
    ),
    "GroupNorm between convolutions": (
        IMAGE,
        """a = Conv(x, kernel) r = Reshape(a, groups) i = InstanceNormalization(r, ones, zeros) s = Shape(a)
            b = Reshape(i, s) w = Mul(b, scales) c = Add(w, biases) y = Conv(c, kernel)""",
        f"CONV_2D RESHAPE {NORM} RESHAPE CONV_2D TRANSPOSE",
    ),
    "hard-swish": (IMAGE, "y = HardSwish(x)", "HARD_SWISH"),
    "hard-swish by HardSigmoid": (
        IMAGE,
        "h = HardSigmoid<alpha=0.16666667, beta=0.5>(x) y = Mul(x, h)",
        "HARD_SWISH",
    ),
    "hard-swish by Clip": (
        IMAGE,
        "a = Add(x, three) c = Clip(a, zero, six) m = Mul(x, c) y = Div(m, six)",
        "HARD_SWISH",
    ),
    "hard-swish by Clip, divided first": (
        IMAGE,
        "a = Add(x, three) c = Clip(a, zero, six) d = Div(c, six) y = Mul(x, d)",
        "HARD_SWISH",
    ),
    "SiLU": (IMAGE, "s = Sigmoid(x) y = Mul(x, s)", "LOGISTIC MUL"),
    "mean-pool": (IMAGE, "y = ReduceMean<keepdims=0>(x, area)", "MEAN"),
    "mean-pool by GlobalAveragePool": (IMAGE, "p = GlobalAveragePool(x) y = Flatten(p)", "MEAN RESHAPE"),
    "mean-pool by turns": (
        IMAGE,
        "w = ReduceMean<keepdims=0>(x, width) y = ReduceMean<keepdims=0>(w, height)",
        "MEAN",
    ),
    "attention": (HEADS, f"{ATTEND} w = Identity(s) {SHARE}", "MUL BATCH_MATMUL SOFTMAX BATCH_MATMUL"),
    "attention, keys folded": (
        HEADS,
        f"{FOLDED} w = Identity(s) {SHARE}",
        "MUL BATCH_MATMUL SOFTMAX BATCH_MATMUL",
    ),
    "attention, added bias": (
        HEADS,
        f"{ATTEND} w = Add(s, biased) {SHARE}",
        "MUL BATCH_MATMUL ADD SOFTMAX BATCH_MATMUL",
    ),
    "attention, causal": (HEADS, f"{ATTEND} w = Add(causal, s) {SHARE}", f"{KEPT} BATCH_MATMUL"),
    "attention, masked": (
        HEADS + MASK,
        f"{FOLDED} f0 = Where(m, zero, lowest) w = Add(s, f0) {SHARE}",
        f"{KEPT} BATCH_MATMUL",
    ),
    "attention, filled": (HEADS + MASK, f"{ATTEND} w = Where(m, s, lowest) {SHARE}", f"{KEPT} BATCH_MATMUL"),
    "attention, masked and guarded": (
        HEADS + MASK,
        f"""{ATTEND} o = Where(m, zero, infinite) w = Add(s, o) p0 = Softmax<axis=-1>(w) i = IsNaN(p0)
            p = Where(i, zero, p0) y = MatMul(p, v)""",
        f"{KEPT} SELECT_V2 BATCH_MATMUL",
    ),
}
# name → inputs, nodes, the TensorFlow operator that the pattern's form would have
OTHERS = {
    "another factor": (
        ROW,
        "a = Div(x, root) e = Erf(a) p = Add(e, one) m = Mul(x, p) y = Mul(m, third)",
        "Erfc",
    ),
    "another input": (
        ROW,
        "n = Neg(x) a = Div(x, root) e = Erf(a) p = Add(e, one) m = Mul(n, p) y = Mul(m, half)",
        "Erfc",
    ),
    "the axis before the last": (
        "float[n,8,8] x",
        """m = ReduceMean(x, before) c = Sub(x, m) s = Pow(c, two) v = ReduceMean(s, before) e = Add(v, small)
            d = Sqrt(e) n = Div(c, d) w = Mul(n, scale) y = Add(w, bias)""",
        "Rsqrt",
    ),
    "a mask that gives NaN": (
        HEADS + MASK,
        f"{ATTEND} o = Where(m, zero, infinite) w = Add(s, o) {SHARE}",
        "Min",
    ),
    "a mask that scores can outweigh": (
        HEADS + MASK,
        f"{ATTEND} f = Neg(three) o = Where(m, zero, f) w = Add(s, o) {SHARE}",
        "Min",
    ),
}


def model(inputs: str, body: str) -> onnx.ModelProto:
    words = set("".join(c if c.isalnum() or c == "_" else " " for c in body).split())
    used = {name: np.asarray(array) for name, array in CONSTANTS.items() if name in words}
    return parse(f"g ({inputs}) => (float y) {{ {body} }}", opset=18, **used)


def arrays(graph: onnx.GraphProto, batch: int) -> list[Any]:
    """Seeded inputs; of a mask, the first sample has a row with nothing kept."""
    rng, made = np.random.default_rng(5), []
    for value in graph.input:
        shape = [dim.dim_value or batch for dim in value.type.tensor_type.shape.dim]
        if value.type.tensor_type.elem_type == onnx.TensorProto.BOOL:
            mask = rng.random(shape) < 0.6
            mask[0, 0, 2] = False
            made.append(mask)
        else:
            made.append((2 * rng.standard_normal(shape)).astype(np.float32))
    return made


def interpreter_of(lowered: Lowered) -> Any:
    """An interpreter without a delegate, so that it tells the operators; straight from the graph: faster."""
    converter = tf.lite.TFLiteConverter.from_concrete_functions([lowered.concrete], lowered.module)
    return Interpreter(
        model_content=converter.convert(),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )


def run(interpreter: Any, lowered: Lowered, inputs: list[Any]) -> Any:
    rows = interpreter.get_input_details()
    details = {row["name"].removeprefix("serving_default_").split(":")[0]: row["index"] for row in rows}
    pairs = list(zip(lowered.signature.inputs, inputs, strict=True))
    for spec, array in pairs:
        interpreter.resize_tensor_input(details[spec.runtime_name], to_physical(array, spec).shape)
    interpreter.allocate_tensors()
    for spec, array in pairs:
        interpreter.set_tensor(details[spec.runtime_name], to_physical(array, spec))
    interpreter.invoke()
    return to_logical(
        interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), lowered.signature.outputs[0]
    )


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_one_form(name: str) -> None:
    inputs, body, wanted = PATTERNS[name]
    made = model(inputs, body)
    lowered = lower(made)
    interpreter = interpreter_of(lowered)
    found = [row["op_name"] for row in interpreter._get_ops_details()]
    for batch in (1, 3):
        given = arrays(made.graph, batch)
        (want,) = expected(made, given)
        np.testing.assert_allclose(run(interpreter, lowered, given), want, rtol=1e-4, atol=1e-5)
    assert sorted(found) == sorted(wanted.split())


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_the_pattern_stays(name: str) -> None:
    inputs, body, absent = OTHERS[name]
    made = model(inputs, body)
    assert absent not in kinds(agrees(made, *arrays(made.graph, 2)))


def test_a_shared_inner_value_is_kept() -> None:
    text = """g (float[n] x) => (float[n] y, float[n] e) {
        a = Div(x, root) e = Erf(a) p = Add(e, one) m = Mul(x, p) y = Mul(m, half)
    }"""
    used = {name: np.asarray(CONSTANTS[name]) for name in ("root", "one", "half")}
    agrees(parse(text, opset=18, **used), np.array([-1, 0, 2], np.float32))
