"""Activations: right far from zero, in forms whose inner values stay as small as what they give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from tests.lowering.oracle import agrees, agrees_in_tflite, kinds, parse

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(2)


def wide(*shape: int) -> Any:
    return (40 * RNG.standard_normal(shape)).astype(np.float32)


@pytest.mark.parametrize(
    "body",
    ["Elu(x)", "Elu<alpha = 0.5>(x)", "Celu<alpha = 0.7>(x)", "Celu(x)", "Selu(x)", "Selu<gamma = 2.0>(x)"],
)
def test_no_exponential_of_what_is_large(body: str) -> None:
    """EXP of 20 is 5e8, which would be the scale of an INT8 tensor."""
    lowered = agrees(parse(f"g (float[n,6] x) => (float[n,6] y) {{ y = {body} }}"), wide(5, 6))
    assert "Exp" not in kinds(lowered)


@pytest.mark.parametrize(("kind", "third"), [("int64", "Clip(x, none)"), ("int32", "Relu(x)")])
def test_integers_are_cut_off_below_zero(kind: str, third: str, tmp_path: Path) -> None:
    text = f"""g ({kind}[n,6] x) => ({kind}[n,6] y, {kind}[n,6] z, {kind}[n,6] w) {{
        y = Clip(x, none) z = Clip(x, none, six) w = {third}
    }}"""
    weights = {"none": np.array(0, kind), "six": np.array(6, kind)}
    cases = [[RNG.integers(-9, 9, (batch, 6)).astype(kind)] for batch in (1, 4)]
    agrees_in_tflite(parse(text, **weights), tmp_path, *cases)


def test_integers_without_their_signs(tmp_path: Path) -> None:
    text = "g (int64[n,6] x) => (int64[n,6] y, int64[n,6] z) { y = Abs(x) z = Sign(x) }"
    cases = [[RNG.integers(-9, 9, (batch, 6))] for batch in (1, 4)]
    agrees_in_tflite(parse(text), tmp_path, *cases)
