"""Operators on integers and truths for which TFLite has kernels of other types alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from tests.lowering.oracle import agrees_in_tflite, parse

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(9)


def whole(batch: int) -> Any:
    """Values that float32 does not tell apart, some of them twice."""
    return RNG.integers(-3, 3, (batch, 6)) + (1 << 40)


def test_places_and_order_of_int64(tmp_path: Path) -> None:
    text = """g (int64[n,6] x) => (int64[n] a, int64[n] b, int64[n,2] v, int64[n,2] i) {
        a = ArgMax<axis = 1, keepdims = 0>(x) b = ArgMin<axis = 1, keepdims = 0>(x)
        v, i = TopK<largest = 0>(x, two)
    }"""
    model = parse(text, two=np.array([2]))
    agrees_in_tflite(model, tmp_path, [whole(1)], [whole(4)])


def test_truths_in_parts(tmp_path: Path) -> None:
    text = """g (float[n,6] x) => (bool[n,2] a, bool[n,4] b) {
        t = Greater(x, zero) a, b = Split<axis = 1>(t, parts)
    }"""
    model = parse(text, zero=np.float32(0), parts=np.array([2, 4]))
    cases = [[RNG.standard_normal((batch, 6)).astype(np.float32)] for batch in (1, 4)]
    agrees_in_tflite(model, tmp_path, *cases)
