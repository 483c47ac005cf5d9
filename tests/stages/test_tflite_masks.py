"""Constant masks of attention as one sum in files that compute in float, judged by LiteRT."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from convertkit.graphs.tflite_file import operators
from convertkit.lowering import lower
from convertkit.stages.tflite_masks import ABSORBING, add_masks
from tests.lowering.oracle import expected, parse

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(7)
LOWEST = float(np.finfo(np.float32).min)
CHOICE = ("REDUCE_MIN", "SUB", "SELECT_V2")


def f32(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def causal(size: int) -> Any:
    return np.where(np.tri(size, dtype=bool), 0, LOWEST).astype(np.float32)


def attention(mask: str, **known: Any) -> tuple[Any, bytes]:
    """Two layers of attention under one mask, as ONNX and as a `.tflite`."""
    model = parse(
        f"""g (float[n,2,8,16] x) => (float y) {{ {mask}
            k = MatMul(x, w) t = Transpose<perm = [0,1,3,2]>(k) s = MatMul(x, t)
            a = Add(s, m) p = Softmax<axis = -1>(a) z = MatMul(p, k)
            u = Transpose<perm = [0,1,3,2]>(z) q = MatMul(z, u)
            b = Add(q, m) r = Softmax<axis = -1>(b) y = MatMul(r, z)
        }}""",
        w=f32(16, 16) / 4,
        **known,
    )
    lowered = lower(model)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([lowered.concrete], lowered.module)
    return model, bytes(converter.convert())


def run(content: bytes, x: Any) -> Any:
    interpreter = Interpreter(model_content=content)
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(place, x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_a_constant_mask_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convertkit.stages.tflite_masks.LARGEST_SHARE", 1.0)
    model, content = attention("", m=causal(8))
    assert all(Counter(operators(content))[kind] == 2 for kind in CHOICE)
    made = add_masks(content)
    assert not set(operators(made)) & set(CHOICE)
    assert Counter(operators(made))["ADD"] == 2
    for batch, scale in ((1, 1), (3, 1), (2, 1000)):
        x = f32(batch, 2, 8, 16) * np.float32(scale)
        np.testing.assert_allclose(run(made, x), expected(model, [x])[0], rtol=1e-4, atol=1e-4 * scale)


def test_a_mask_that_the_run_gives_is_still_chosen_by() -> None:
    known = {"zero": np.float32(0), "low": np.float32(LOWEST)}
    known |= {"start": np.array([0]), "eight": np.array([8]), "last": np.array([-1])}
    body = "c = Greater(x, zero) d = Slice(c, start, eight, last) m = Where(d, zero, low)"
    _, content = attention(body, **known)
    assert set(CHOICE) <= set(operators(content))
    assert add_masks(content) == content


def test_a_mask_that_would_make_the_file_larger_stays() -> None:
    _, content = attention("", m=causal(8))
    assert len(content) / 100 < 8 * 8 * 4
    assert add_masks(content) == content


def test_no_score_makes_it_infinite() -> None:
    largest = np.float32(-1e37)
    assert np.isfinite(largest + np.float32(ABSORBING))
    assert np.float32(1e5) + np.float32(ABSORBING) == np.float32(ABSORBING)
