"""Quantized graphs, also on a permuted input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from tests.lowering.oracle import agrees, parse

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(1)


def f32(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


QDQ = """g (float[n,3,8,8] x) => (float[n,4,8,8] y) {
    q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z)
    w = DequantizeLinear<axis = 0>(wq, ws, wz) y = Conv<pads = [1,1,1,1]>(d, w)
}"""


def test_a_quantized_graph_on_a_permuted_input() -> None:
    weights = {
        "s": np.array(0.05, np.float32), "z": np.array(3, np.int8), "ws": np.abs(f32(4)) / 50 + 0.01,
        "wz": np.zeros(4, np.int8), "wq": RNG.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8),
    }  # fmt: skip
    agrees(parse(QDQ, **weights), f32(2, 3, 8, 8), atol=1e-4)


def test_quantizing_per_channel_in_permuted_order() -> None:
    text = """g (float[n,3,6,6] x) => (float[n,4,6,6] y) {
        c = Conv<pads = [1,1,1,1]>(x, w)
        q = QuantizeLinear<axis = 1>(c, s, z) y = DequantizeLinear<axis = 1>(q, s, z)
    }"""
    weights = {
        "w": f32(4, 3, 3, 3),
        "s": np.array([0.05, 0.1, 0.2, 0.4], np.float32),
        "z": np.array([0, 1, 2, 3], np.uint8),
    }
    agrees(parse(text, **weights), f32(2, 3, 6, 6), atol=1e-4)
