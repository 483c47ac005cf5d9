"""Windows: pools and convolutions with strides, dilations, padding and groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from convertkit.errors import StageError
from convertkit.lowering import lower
from tests.lowering.oracle import agrees, agrees_in_tflite, parse

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
        "y = Conv<strides = [2,2], dilations = [2,2], pads = [2,2,2,2]>(x, w)",
        "y = Conv<strides = [2,2], dilations = [2,2], group = 3, pads = [2,2,2,2]>(x, g)",
        "y = Conv<strides = [3,3], dilations = [2,1], group = 3>(x, g)",
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


@pytest.mark.parametrize(
    "node",
    [
        "y = MaxPool<kernel_shape = [2,2], strides = [2,2], ceil_mode = 1>(x)",
        "y = MaxPool<kernel_shape = [3,3], strides = [2,2], ceil_mode = 1>(x)",
        "y = MaxPool<kernel_shape = [3,2], strides = [3,2], ceil_mode = 1>(x)",
        "y = MaxPool<kernel_shape = [3,3], strides = [2,2], pads = [1,1,1,1], ceil_mode = 1>(x)",
        "y = AveragePool<kernel_shape = [2,2], strides = [2,2], ceil_mode = 1>(x)",
        "y = AveragePool<kernel_shape = [3,3], strides = [2,2], ceil_mode = 1>(x)",
        "y = AveragePool<kernel_shape = [3,3], strides = [2,2], pads = [1,1,0,0], ceil_mode = 1>(x)",
    ],
)
def test_ceil_mode_of_free_sizes_counts_as_of_known_ones(node: str) -> None:
    model = parse(f"g (float[n,2,h,w] x) => (float[n,2,a,b] y) {{ {node} }}")
    for height, width in ((6, 7), (8, 9)):
        agrees(model, f32(2, 2, height, width))


def test_ceil_mode_of_a_free_size_is_refused_where_a_window_might_start_in_the_padding() -> None:
    node = "y = MaxPool<kernel_shape = [2,2], strides = [3,3], ceil_mode = 1>(x)"
    with pytest.raises(StageError, match="ceil_mode with a stride over the kernel"):
        lower(parse(f"g (float[n,2,h,w] x) => (float[n,2,a,b] y) {{ {node} }}"))


def test_ceil_pairs_of_free_sizes_are_one_pool_in_tflite(tmp_path: Path) -> None:
    node = "y = MaxPool<kernel_shape = [2,2], strides = [2,2], ceil_mode = 1>(x)"
    model = parse(f"g (float[n,2,h,w] x) => (float[n,2,a,b] y) {{ {node} }}")
    agrees_in_tflite(model, tmp_path, [f32(1, 2, 6, 7)], [f32(2, 2, 9, 4)])
