"""Windows: pools and convolutions with strides, dilations, padding and groups."""

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


@pytest.mark.parametrize(
    "body",
    [
        "y = MaxPool<kernel_shape = [3,3], strides = [2,2], ceil_mode = 1>(x)",
        "y = MaxPool<kernel_shape = [2,2], dilations = [2,2]>(x)",
        "y, i = MaxPool<kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1]>(x)",
        "y = AveragePool<kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1], count_include_pad = 1>(x)",
        "y = AveragePool<kernel_shape = [3,3], strides = [2,2], ceil_mode = 1, pads = [1,1,0,0]>(x)",
        "y = AveragePool<kernel_shape = [20,20], strides = [20,20], ceil_mode = 1>(x)",
        'y = MaxPool<kernel_shape = [3,3], strides = [2,2], auto_pad = "SAME_LOWER">(x)',
        "y = LpPool<kernel_shape = [2,2], p = 3>(x)",
        "y = ConvTranspose<strides = [2,2], pads = [1,1,1,1], output_padding = [1,1]>(x, t)",
        "y = ConvTranspose<strides = [2,2], group = 3>(x, tg)",
        "y = Conv<dilations = [2,2], pads = [2,2,2,2]>(x, w)",
        "y = Conv<strides = [2,1], group = 3, pads = [1,0,0,1]>(x, g)",
        "y = GridSample(x, grid)",
    ],
)
def test_windows(body: str) -> None:
    weights = {"t": f32(3, 4, 3, 3), "tg": f32(3, 2, 2, 2), "w": f32(4, 3, 3, 3), "g": f32(6, 1, 3, 3)}
    weights["grid"] = RNG.uniform(-1.2, 1.2, (2, 5, 5, 2)).astype(np.float32)
    used = {name: array for name, array in weights.items() if f", {name})" in body}
    agrees(
        parse(f"g (float[n,3,7,7] x) => (float[a,b,c,d] y) {{ {body} }}", **used), f32(2, 3, 7, 7), atol=1e-4
    )
