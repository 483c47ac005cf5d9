"""Operators past the ranks that TensorFlow and TFLite take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from tests.lowering.oracle import agrees, agrees_in_tflite, parse

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(6)


def f32(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def mask(*shape: int) -> Any:
    return RNG.random(shape) < 0.5


SIX = "float[n,2,3,2,3,2]"
SEVEN = "float[n,2,3,2,3,2,2]"


@pytest.mark.parametrize(
    ("text", "weights", "rank"),
    [
        (f"g ({SIX} x) => ({SIX} y) {{ y = Where(m, z, x) }}", {"m": mask(3, 2), "z": np.float32(0)}, 6),
        (f"g ({SIX} x) => ({SIX} y) {{ y = Where(m, x, z) }}", {"m": mask(3, 1, 1, 2), "z": f32(2)}, 6),
        (f"g ({SIX} x) => ({SIX} y) {{ y = Mul(x, w) }}", {"w": f32(2, 1, 2, 1, 2)}, 6),
        (f"g ({SIX} x) => ({SIX} y) {{ y = Add(x, w) }}", {"w": f32(1, 2, 1, 2, 1, 2)}, 6),
        (f"g ({SEVEN} x) => (bool[n,2,3,2,3,2,2] y) {{ y = Less(w, x) }}", {"w": f32(2, 1, 2, 1, 2, 1)}, 7),
        (
            f"g ({SEVEN} x) => ({SEVEN} y) {{ y = Max(x, w, v) }}",
            {"w": f32(3, 1, 1), "v": f32(2, 1, 1, 1)},
            7,
        ),
    ],
)
def test_broadcasts_of_high_rank(text: str, weights: dict[str, Any], rank: int, tmp_path: Path) -> None:
    model = parse(text, **weights)
    sizes = (2, 3, 2, 3, 2, 2)[: rank - 1]
    agrees(model, f32(2, *sizes))
    agrees_in_tflite(model, tmp_path, [f32(1, *sizes)], [f32(3, *sizes)])


def test_two_operands_that_spread_each_other(tmp_path: Path) -> None:
    text = "g (float[n,1,3,1,3,1] x, float[1,2,1,2,1,2] z) => (float[n,2,3,2,3,2] y) { y = Sub(x, z) }"
    given = [f32(4, 1, 3, 1, 3, 1), f32(1, 2, 1, 2, 1, 2)]
    agrees(parse(text), *given)
    agrees_in_tflite(parse(text), tmp_path, given)


@pytest.mark.parametrize(
    "perm",
    [(0, 1, 3, 5, 2, 4, 6, 7), (7, 6, 5, 4, 3, 2, 1, 0), (0, 2, 4, 6, 1, 3, 5, 7), (3, 4, 5, 6, 7, 0, 1, 2)],
)
def test_transposes_of_high_rank(perm: tuple[int, ...], tmp_path: Path) -> None:
    sizes = (2, 3, 2, 3, 2, 2, 5)
    names = ("n", *map(str, sizes))
    shape, moved = ",".join(names), ",".join(names[axis] for axis in perm)
    text = (
        f"g (float[{shape}] x) => (float[{moved}] y) {{ a = Transpose<perm = {list(perm)}>(x) y = Relu(a) }}"
    )
    agrees(parse(text), f32(3, *sizes))
    agrees_in_tflite(parse(text), tmp_path, [f32(1, *sizes)], [f32(2, *sizes)])


def test_products_of_high_rank(tmp_path: Path) -> None:
    text = """g (float[n,2,3,2,3,4] x, float[n,2,3,2,4,5] z) => (float[n,2,3,2,3,5] y) { y = MatMul(x, z) }"""
    given = [f32(3, 2, 3, 2, 3, 4), f32(3, 2, 3, 2, 4, 5)]
    agrees(parse(text), *given)
    agrees_in_tflite(parse(text), tmp_path, given)


def test_a_softmax_of_high_rank(tmp_path: Path) -> None:
    text = f"g ({SIX} x) => ({SIX} y) {{ y = Softmax<axis = -1>(x) }}"
    agrees(parse(text), f32(2, 2, 3, 2, 3, 2))
    agrees_in_tflite(parse(text), tmp_path, [f32(2, 2, 3, 2, 3, 2)])


def test_windows_put_together_again(tmp_path: Path) -> None:
    """As in a window attention: heads and windows would be seven axes of one transpose."""
    text = """g (float[n,12,2,16,4] x) => (float[n,12,16,8] y) {
        a = Reshape(x, joined) t = Transpose<perm = [0,2,1,3]>(a) s = Reshape(t, windows)
        p = Transpose<perm = [0,1,3,2,4,5]>(s) y = Reshape(p, image)
    }"""
    shapes = {"joined": [-1, 2, 16, 4], "windows": [-1, 3, 4, 4, 4, 8], "image": [-1, 12, 16, 8]}
    model = parse(text, **{name: np.array(shape) for name, shape in shapes.items()})
    agrees(model, f32(2, 12, 2, 16, 4))
    agrees_in_tflite(model, tmp_path, [f32(1, 12, 2, 16, 4)], [f32(3, 12, 2, 16, 4)])
