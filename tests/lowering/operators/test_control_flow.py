"""If, Loop and Scan, and a loop in TFLite with built-ins only."""

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


REDUCED = """g (float[n,{size},3] x) => (float[{ranks}] y) {{
    s = Shape(x) z = Gather<axis = 0>(s, one) c = Equal(z, one)
    y = If (c) <then_branch = a () => (float[n,3] u) {{ u = ReduceMax<axes = [1], keepdims = 0>(x) }},
           else_branch = b () => (float[n,{size},3] v) {{ v = Identity(x) }}>
}}"""


def reduced(size: str, ranks: str) -> onnx.ModelProto:
    text = REDUCED.format(size=size, ranks=ranks)
    return parse(text, opset=13, one=np.array(1))


@pytest.mark.parametrize(("size", "ranks"), [("1", "n,3"), ("2", "n,2,3")])
def test_branches_of_two_ranks_are_told_apart_by_a_known_size(size: str, ranks: str) -> None:
    x = np.ones((4, int(size), 3), np.float32)
    assert "If" not in kinds(agrees(reduced(size, ranks), x))


def test_branches_of_two_ranks_are_one_line_where_only_a_run_tells() -> None:
    with pytest.raises(
        StageError, match=r"branches give tensors of ranks \[2\] and \[3\].*'c' has to be known"
    ):
        lower(reduced("k", "n,k,3"))


SQUEEZED = """g (float[n,k,3] x) => (float[n,m] y) {
    s = Shape(x) z = Gather<axis = 0>(s, one) c = Equal(z, one)
    e = If (c) <then_branch = a () => (float[n,3] u) { u = Squeeze(x, axis) },
           else_branch = b () => (float[n,k,3] v) { v = Identity(x) }>
    BODY
}"""


@pytest.mark.parametrize(
    "body",
    [
        "m = Mul(e, two) y = Reshape(m, rows)",
        "d = MatMul(e, w) f = Flatten<axis = 1>(d) h = Abs(x) t = Sum(d, two) g = Flatten(t) r = Add(f, g)"
        " p = ReduceMax<axes = [1, 2], keepdims = 0>(h) q = Unsqueeze(p, axis) y = Mul(r, q)",
    ],
    ids=["the exporter's squeeze", "several consumers"],
)
def test_branches_of_two_ranks_go_on_until_they_are_of_one(tmp_path: Path, body: str) -> None:
    weights = {
        "one": np.array(1), "axis": np.array([1]), "two": np.float32(2), "rows": np.array([0, -1]),
        "w": f32(3, 4),
    }  # fmt: skip
    used = {name: array for name, array in weights.items() if f"{name})" in SQUEEZED + body}
    model = parse(SQUEEZED.replace("BODY", body), opset=13, **used)
    agrees(model, f32(2, 1, 3))
    lowered = agrees(model, f32(2, 4, 3))
    assert len([kind for kind in kinds(lowered) if kind.endswith("If")]) == 1
    agrees_in_tflite(model, tmp_path, [f32(2, 1, 3)], [f32(3, 2, 3)])


def test_a_consumer_that_does_not_take_both_ranks_leaves_one_line() -> None:
    text = SQUEEZED.replace("BODY", "t = Transpose<perm = [0, 2, 1]>(e) y = Flatten<axis = 1>(t)")
    model = parse(text, opset=13, one=np.array(1), axis=np.array([1]))
    with pytest.raises(StageError, match=r"branches give tensors of ranks \[2\] and \[3\]"):
        lower(model)
