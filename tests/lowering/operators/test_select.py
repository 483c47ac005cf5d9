"""Picking by content: against ONNX Runtime, in TensorFlow and LiteRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from tests.lowering.oracle import agrees, agrees_in_tflite, parse

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("kind", ["float", "int64"])
@pytest.mark.parametrize("options", ["", "<sorted = 0>", "<axis = 0>", "<axis = -1, sorted = 0>"])
def test_unique(kind: str, options: str, tmp_path: Path) -> None:
    model = parse(
        f"g ({kind}[3,n] x) => ({kind}[a,b] y, int64[k] first, int64[m] inverse, int64[k] counts)"
        f" {{ y, first, inverse, counts = Unique{options}(x) }}"
        if "axis" in options
        else f"g ({kind}[n] x) => ({kind}[k] y, int64[k] first, int64[n] inverse, int64[k] counts)"
        f" {{ y, first, inverse, counts = Unique{options}(x) }}"
    )
    dtype = np.float32 if kind == "float" else np.int64
    shape = (3, 3) if "axis" in options else (9,)
    x = RNG.integers(-2, 2, shape).astype(dtype)
    if "axis" in options:
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 3
        x[2] = x[0]
    agrees(model, x)
    agrees_in_tflite(model, tmp_path, [x], [x * 0])


BOXES = np.array([[[0, 0, 1, 2], [0, 1, 1, 3], [0, 0, 1, 1.99]]], np.float32)


@pytest.mark.parametrize("threshold", [0.0, 1 / 3, 0.5, 1.0])
def test_boxes_at_the_threshold_stay(threshold: float, tmp_path: Path) -> None:
    """The first two overlap by a third, to the last bit; ONNX suppresses what is above the threshold."""
    model = parse(
        "g (float[1,n,4] boxes, float[1,1,n] scores) => (int64[m,3] y)"
        " { y = NonMaxSuppression(boxes, scores, most, threshold) }",
        most=np.array([3]),
        threshold=np.array([threshold], np.float32),
    )
    scores = np.array([[[0.9, 0.8, 0.7]]], np.float32)
    agrees_in_tflite(model, tmp_path, [BOXES, scores], [BOXES[:, :2], scores[:, :, :2]])
