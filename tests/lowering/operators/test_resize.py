"""Resizing up and down in every mode, also with free height and width."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("tensorflow")
from convertkit.lowering import write_savedmodel
from tests.lowering.oracle import agrees, parse

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(1)


def f32(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"])
def test_resize_up_and_down(mode: str, coordinates: str) -> None:
    text = f"""g (float[n,2,4,5] x) => (float[n,2,h,w] y) {{
        y = Resize<axes = [2,3], mode = "{mode}",
            coordinate_transformation_mode = "{coordinates}">(x, , , sizes)
    }}"""
    for height, width in ((8, 10), (3, 7), (1, 2)):
        if (mode, coordinates) == ("nearest", "align_corners") and height == 1:
            continue  # ONNX Runtime divides by zero
        agrees(parse(text, sizes=np.array([height, width])), f32(2, 2, 4, 5))


def test_nearest_pixels_are_those_that_float32_finds() -> None:
    """3 / 0.6 is 5 there, and 4.9999998 in float64."""
    text = """g (float[n,2,4,16] x) => (float[n,2,h,w] y) {
        y = Resize<coordinate_transformation_mode = "asymmetric", nearest_mode = "floor">(x, , scales)
    }"""
    agrees(parse(text, scales=np.array([1, 1, 1.5, 0.6], np.float32)), f32(2, 2, 4, 16))


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_a_scale_that_adds_no_pixel_moves_them_all_the_same(mode: str) -> None:
    """floor(16 · 1.05) is 16, but the pixels lie closer together than before."""
    text = f"""g (float[n,2,4,16] x) => (float[n,2,4,16] y) {{ y = Resize<mode = "{mode}">(x, , scales) }}"""
    agrees(parse(text, scales=np.array([1, 1, 1, 1.05], np.float32)), f32(2, 2, 4, 16))


def test_bilinear_resize_with_free_height_and_width(tmp_path: Path) -> None:
    text = """g (float[n,2,h,w] x) => (float[n,2,a,b] y) { y = Resize<mode = "linear">(x, , scales) }"""
    model = parse(text, scales=np.array([1, 1, 2, 2], np.float32))
    agrees_in_layout(model, tmp_path)


def agrees_in_layout(model: onnx.ModelProto, folder: Path) -> None:
    lowered = agrees(model, f32(2, 2, 5, 3))
    assert lowered.signature.outputs[0].dynamic_axes.keys() == {0, 2, 3}
    agrees(model, f32(1, 2, 4, 7), layout="source")
    write_savedmodel(lowered, folder / "m.savedmodel")
