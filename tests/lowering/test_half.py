"""Half precision is rounded where it is seen, not after every operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

pytest.importorskip("tensorflow")
from convertkit.artifacts.signature import to_physical
from convertkit.lowering import lower, write_savedmodel
from tests.lowering.oracle import kinds, parse, run, tflite

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(7)

BODY = """{
    h = MatMul(x, w) s = Softmax<axis = -1>(h) t = Transpose<perm = [1,0]>(s) r = Reshape(t, shape)
    m = MatMul(r, s) y = Cast<to = {to}>(m) }"""
TYPES: dict[str, Any] = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
CODES = {"float16": 10, "bfloat16": 16}


def softmax(x: Any) -> Any:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize("name", TYPES)
def test_a_chain_is_rounded_once(name: str) -> None:
    dtype = TYPES[name]
    x, w = (RNG.standard_normal(shape).astype(dtype) for shape in ((6, 16), (16, 6)))
    text = f"g ({name}[n,16] x) => ({name}[6,6] y) {BODY.replace('{to}', str(CODES[name]))}"
    lowered = lower(parse(text, w=w, shape=np.array([6, -1])))
    shares = softmax(x.astype(np.float32) @ w.astype(np.float32))
    got = run(lowered, [x])[0]
    np.testing.assert_array_equal(got, (shares.T @ shares).astype(dtype))


def test_what_asks_for_a_rounded_value_gets_one() -> None:
    text = """g (float16[n] x) => (bool[n] y, float[n] z) {
        a = Div(x, three) b = Mul(a, three) y = Equal(b, x) z = Cast<to = 1>(a) }"""
    x = np.arange(1, 60, dtype=np.float16)
    lowered = lower(parse(text, three=np.float16(3)))
    y, z = run(lowered, [x])
    np.testing.assert_allclose(z, x.astype(np.float32) / 3, rtol=1e-6)
    assert y.all()  # thirds times three are whole again, once rounded


def test_what_only_moves_halves_stays_in_halves() -> None:
    text = "g (float16[n,4] x) => (float16[4,n] y) { a = Transpose<perm = [1,0]>(x) y = Identity(a) }"
    assert "Cast" not in kinds(lower(parse(text)))


def test_moments_of_halves_are_float32() -> None:
    text = """g (float16[n,4] x) => (float16[n,4] y, float[n,1] m, float[n,1] i) {
        y, m, i = LayerNormalization(x, w) }"""
    x = RNG.standard_normal((3, 4)).astype(np.float16)
    got = run(lower(parse(text, w=np.ones(4, np.float16))), [x])
    assert [array.dtype for array in got] == [np.float16, np.float32, np.float32]
    np.testing.assert_allclose(got[1], x.astype(np.float32).mean(-1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("tail", ["Identity(c)", "Cast<to = 10>(f)"])
def test_tflite_is_given_no_transpose_of_halves(tail: str, tmp_path: Path) -> None:
    text = """g (float16[n,3,8,8] x) => (float16[n,4,8,8] y) {
        c = Conv<pads = [1,1,1,1]>(x, w) f = Cast<to = 1>(c) y = TAIL }""".replace("TAIL", tail)
    w = RNG.standard_normal((4, 3, 3, 3)).astype(np.float16)
    x = RNG.standard_normal((2, 3, 8, 8)).astype(np.float16)
    lowered = lower(parse(text, w=w))
    write_savedmodel(lowered, tmp_path / "m.savedmodel")
    got = tflite(tmp_path / "m.savedmodel")(x=to_physical(x, lowered.signature.inputs[0]))["y"]
    np.testing.assert_allclose(got, run(lowered, [x])[0], rtol=2e-3, atol=2e-3)


def test_parts_of_halves_are_halves() -> None:
    text = """g (float16[n,4] x) => (float16[n,2] y, float16[n,2] z) {
        a = Div(x, three) y, z = Split<axis = 1, num_outputs = 2>(a) }"""
    x = RNG.standard_normal((3, 4)).astype(np.float16)
    for part, wanted in zip(
        run(lower(parse(text, three=np.float16(3))), [x]), np.split(x / 3, 2, 1), strict=True
    ):
        np.testing.assert_array_equal(part, wanted.astype(np.float16))
