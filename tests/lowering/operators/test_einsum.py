"""Einsum in its many forms, in built-ins of TFLite at any batch and length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from tests.lowering.oracle import agrees, agrees_in_tflite, kinds, parse

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(4)
SIZES = {"i": 4, "j": 5, "k": 6, "h": 2, "d": 3}
FREE = {"b": (1, 3), "t": (7, 2)}
EQUATIONS = (
    "bti,bti->bt",
    "...i,...i->...",
    "bii->bi",
    "bii->b",
    "iij,bj->bi",
    "bij,bk->bijk",
    "bhid,bhjd->bhij",
    "bthd,bjhd->bhtj",
    "bt,i->bti",
    "bi,bij,bjk->bk",
    "bidt,bjdt->bijt",
    "bti,k->bk",
    "bthi,hij->bthj",
    "bti->itb",
    "bji,bkj",
    "...ij,...jk",
)
OWN_RANKS = {"...i,...i->...": 2, "bji,bkj": 3, "...ij,...jk": 4}
RANKS = {"...i": "bti", "...ij": "bhij", "...jk": "bhjk"}


def letters_of(equation: str) -> list[str]:
    return [RANKS.get(word, word) for word in equation.partition("->")[0].split(",")]


def model_of(equation: str) -> Any:
    words = letters_of(equation)
    names = [f"x{n}" for n in range(len(words))]
    inputs = [
        f"float[{','.join(str(SIZES.get(letter, letter)) for letter in word)}] {name}"
        for word, name in zip(words, names, strict=True)
    ]
    rank = OWN_RANKS.get(equation, len(equation.partition("->")[2]))
    result = f"float[{','.join(f's{axis}' for axis in range(rank))}] y"
    body = f'y = Einsum<equation = "{equation}">({", ".join(names)})'
    return parse(f"g ({', '.join(inputs)}) => ({result}) {{ {body} }}")


def arrays_of(equation: str, case: int) -> list[Any]:
    return [
        RNG.standard_normal([SIZES.get(letter) or FREE[letter][case] for letter in word]).astype(np.float32)
        for word in letters_of(equation)
    ]


@pytest.mark.parametrize("equation", EQUATIONS)
def test_an_equation(equation: str) -> None:
    lowered = agrees(model_of(equation), *arrays_of(equation, 0))
    assert "Einsum" not in kinds(lowered)


@pytest.mark.parametrize("equation", EQUATIONS[:2])
def test_two_free_axes_in_tflite(equation: str, tmp_path: Path) -> None:
    agrees_in_tflite(model_of(equation), tmp_path, arrays_of(equation, 0), arrays_of(equation, 1))


def test_scores_of_attention_are_one_product() -> None:
    equation = "bhid,bhjd->bhij"
    found = kinds(agrees(model_of(equation), *arrays_of(equation, 1)))
    assert "BatchMatMulV2" in found
    assert "Transpose" not in found


def test_an_operand_of_another_rank() -> None:
    text = 'g (float[b,4] x) => (float[b] y) { y = Einsum<equation = "bij->b">(x) }'
    with pytest.raises(Exception, match="does not fit its operand"):
        agrees(parse_unchecked(text), RNG.standard_normal((2, 4)).astype(np.float32))


def parse_unchecked(text: str) -> Any:
    import onnx

    return onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 20]> {text}')
