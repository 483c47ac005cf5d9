"""Corners that are aligned, by scales that give no whole size: as ONNX Runtime has it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

pytest.importorskip("tensorflow")
from convertkit.graphs.resizes import with_whole_sizes
from convertkit.lowering import lower
from tests.lowering.oracle import expected, parse, run

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3, 12, 16)).astype(np.float32)


def model_of(mode: str, *scales: float) -> onnx.ModelProto:
    text = f"""g (float[n,3,12,16] x) => (float[n,3,h,w] y) {{
        r = Relu(x)
        y = Resize<mode = "{mode}", coordinate_transformation_mode = "align_corners">(r, , scales)
    }}"""
    return parse(text, scales=np.array(scales, np.float32))


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_the_stretch_is_to_the_whole_size(mode: str) -> None:
    model = model_of(mode, 1, 1, 1.7, 0.6)
    (wanted,) = expected(model, [X])
    with_whole_sizes(model)
    (got,) = run(lower(model, layout="source"), [X])
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_whole_sizes_stay_as_they_are() -> None:
    model = model_of("linear", 1, 1, 2, 0.5)
    before = model.SerializeToString()
    with_whole_sizes(model)
    assert model.SerializeToString() == before
