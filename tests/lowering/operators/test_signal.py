"""Short-time Fourier transforms at any batch and length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from tests.lowering.oracle import agrees, agrees_in_tflite, parse

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(3)


def f32(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def test_a_transform_of_a_signal_of_any_length(tmp_path: Path) -> None:
    text = "g (float[n,t,1] x) => (float[n,f,17,2] y) { y = STFT(x, step, window, length) }"
    weights = {"step": np.array(8), "window": np.hanning(32).astype(np.float32), "length": np.array(32)}
    agrees_in_tflite(parse(text, **weights), tmp_path, [f32(1, 64, 1)], [f32(3, 103, 1)])


@pytest.mark.parametrize("parts", [1, 2])
def test_a_transform_with_both_sides_and_no_window(parts: int) -> None:
    text = f"g (float[n,50,{parts}] x) => (float[n,f,12,2] y) {{ y = STFT<onesided = 0>(x, step, , length) }}"
    model = parse(text, step=np.array(5), length=np.array(12))
    agrees(model, f32(2, 50, parts), atol=5e-5)  # ONNX Runtime's own noise, on values of up to 10


def test_a_window_that_only_a_run_knows() -> None:
    text = "g (float[n,50,1] x, float[12] w) => (float[n,f,7,2] y) { y = STFT(x, step, w) }"
    agrees(parse(text, step=np.array(5)), f32(2, 50, 1), f32(12))
