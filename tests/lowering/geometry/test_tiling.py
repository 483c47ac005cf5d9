"""Tensors repeated along axes of free size, before a sum that would broadcast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from tests.lowering.oracle import agrees_in_tflite, parse

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(8)


def f32(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("count", [3, 20])
def test_a_sum_with_what_is_repeated(count: int, tmp_path: Path) -> None:
    """TFLiteConverter made `tile(x) + z` one ADD of x and z, which do not fit each other."""
    text = """g (float[n,t,4] x, float[n,u,4] z) => (float[n,u,8] y) {
        a = Tile(x, once) b = Add(a, z) y = Tile(b, twice)
    }"""
    model = parse(text, once=np.array([1, count, 1]), twice=np.array([1, 1, 2]))
    cases = [[f32(n, t, 4), f32(n, t * count, 4)] for n, t in ((1, 5), (3, 2))]
    agrees_in_tflite(model, tmp_path, *cases)
