"""Broken-up patterns come out as one form, and only where they are that pattern."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from convertkit.lowering.fusion import fused

from .oracle import agrees, parse

pytestmark = pytest.mark.slow
CONSTANTS = {
    "root": np.array(2**0.5, np.float32),
    "inverse": np.array(0.5**0.5, np.float32),
    "one": np.array(1, np.float32),
    "half": np.array(0.5, np.float32),
    "third": np.array(1 / 3, np.float32),
}
FORMS = {
    "half last": "a = Div(x, root) e = Erf(a) p = Add(e, one) m = Mul(x, p) y = Mul(m, half)",
    "half first": "h = Mul(x, half) a = Mul(x, inverse) e = Erf(a) p = Add(one, e) y = Mul(h, p)",
    "half on the sum": "a = Div(x, root) e = Erf(a) p = Add(e, one) m = Mul(half, p) y = Mul(m, x)",
}
OTHERS = {
    "another factor": "a = Div(x, root) e = Erf(a) p = Add(e, one) m = Mul(x, p) y = Mul(m, third)",
    "another input": "n = Neg(x) a = Div(x, root) e = Erf(a) p = Add(e, one) m = Mul(n, p) y = Mul(m, half)",
    "erf alone": "y = Erf(x)",
}


def model(body: str):  # type: ignore[no-untyped-def]
    used = {
        name: array
        for name, array in CONSTANTS.items()
        if name in body.replace("(", " ").replace(")", " ").replace(",", " ").split()
    }
    return parse(f"g (float[n,7] x) => (float[n,7] y) {{ {body} }}", opset=18, **used)


@pytest.mark.parametrize("name", FORMS)
def test_a_gelu_is_one_node(name: str) -> None:
    found = fused(model(FORMS[name]).graph)
    assert [node.op_type for node in found.values()] == ["Gelu"]
    agrees(model(FORMS[name]), np.linspace(-4, 4, 14, dtype=np.float32).reshape(2, 7))


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_gelu_stays(name: str) -> None:
    assert fused(model(OTHERS[name]).graph) == {}
    agrees(model(OTHERS[name]), np.linspace(-5, 5, 14, dtype=np.float32).reshape(2, 7))


def test_a_shared_inner_value_is_kept() -> None:
    text = """g (float[n] x) => (float[n] y, float[n] e) {
        a = Div(x, root) e = Erf(a) p = Add(e, one) m = Mul(x, p) y = Mul(m, half)
    }"""
    used = {name: CONSTANTS[name] for name in ("root", "one", "half")}
    assert fused(parse(text, opset=18, **used).graph) == {}
    agrees(parse(text, opset=18, **used), np.array([-1, 0, 2], np.float32))
