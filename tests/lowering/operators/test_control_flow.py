"""If, Loop and Scan, and a loop in TFLite with built-ins only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from tests.lowering.oracle import agrees, agrees_in_tflite, parse

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
