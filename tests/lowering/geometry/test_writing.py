"""Writing into a tensor: exact beside infinities, and with the scales of INT8."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from convertkit.lowering import lower, write_savedmodel
from tests.conftest import sqnr_db
from tests.lowering.operators.test_recurrent import recurrent
from tests.lowering.oracle import agrees, agrees_in_tflite, expected, parse

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(2)


def f32(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


ROWS = "g (float[a,b,2] x, int64[k,1] i, float[k,b,2] u) => (float[a,b,2] y) { y = ScatterND(x, i, u) }"
ELEMENTS = "g (float[a,3] x, int64[c,3] i, float[c,3] u) => (float[a,3] y) { y = ScatterElements(x, i, u) }"


def test_what_is_infinite_stays_so_and_is_written_over(tmp_path: Path) -> None:
    x, rows, update = f32(5, 3, 2), np.array([[4], [1]]), f32(2, 3, 2)
    x[1], x[2] = -np.inf, np.inf
    agrees(parse(ROWS), x, rows, update)
    agrees_in_tflite(parse(ROWS), tmp_path, [x, rows, update], [x[:3], rows[1:], update[1:]])


def test_elements_are_written_where_they_belong(tmp_path: Path) -> None:
    x, places, update = f32(5, 3), np.array([[0, 4, 2], [3, -3, 1]]), f32(2, 3)
    agrees(parse(ELEMENTS), x, places, update)
    agrees_in_tflite(parse(ELEMENTS), tmp_path, [x, places, update])


SUMS = """g (float[3,2,1,2,2] x) => (float[c,3,2,1,2,2] y) {
    count = Constant<value = int64 {4}>() on = Constant<value = bool {1}>()
    last, y = Loop<body = step (int64 i, bool c, float[3,2,1,2,2] s)
        => (bool d, float[3,2,1,2,2] t, float[3,2,1,2,2] r) {
        d = Identity(c) t = Add(s, x) r = Add(t, x)
    }>(count, on, x)
}"""


def test_rows_of_high_rank(tmp_path: Path) -> None:
    model = parse(SUMS)
    agrees_in_tflite(model, tmp_path, [f32(3, 2, 1, 2, 2)])


def samples() -> Iterator[dict[str, Any]]:
    for _ in range(60):
        yield {"x": f32(6, 1, 4)}


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3)])
def test_all_steps_of_a_recurrent_layer_are_right_in_int8(kind: str, gates: int, tmp_path: Path) -> None:
    model = recurrent(kind, gates, "bidirectional")
    write_savedmodel(lower(model), tmp_path / "m.savedmodel")
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "m.savedmodel"))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    runner = Interpreter(model_content=converter.convert()).get_signature_runner("serving_default")
    given = [each["x"] for each in samples()]
    wanted = np.stack([expected(model, [x])[0] for x in given])
    assert sqnr_db(wanted, np.stack([runner(x=x)["y"] for x in given])) > 20
