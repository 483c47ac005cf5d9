"""What TFLite has no kernel for, put together from what it has: against ONNX Runtime, in LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from tests.lowering.oracle import agrees_in_tflite, expected, parse

pytestmark = pytest.mark.slow
EXTREMES = np.array([-(2**31), -(2**31) + 1, -65537, -2, -1, 0, 1, 2, 65536, 2**31 - 1], np.int32)
X, Y = (array.reshape(-1) for array in np.meshgrid(EXTREMES, EXTREMES))
RNG = np.random.default_rng(0)


def test_bits_of_every_pair_of_extremes(tmp_path: Path) -> None:
    model = parse(
        "g (int32[n] x, int32[n] y) => (int32[n] a, int32[n] o, int32[n] e, int32[n] i)"
        " { a = BitwiseAnd(x, y) o = BitwiseOr(x, y) e = BitwiseXor(x, y) i = BitwiseNot(x) }"
    )
    want = (X & Y, X | Y, X ^ Y, ~X)
    for found, true in zip(expected(model, [X, Y]), want, strict=True):
        np.testing.assert_array_equal(found, true)
    agrees_in_tflite(model, tmp_path, [X, Y], [X[:3], Y[:3]])


@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
def test_shifts_of_a_byte(direction: str, tmp_path: Path) -> None:
    model = parse(
        f'g (uint8[n] x, uint8[n] y) => (uint8[n] z) {{ z = BitShift<direction = "{direction}">(x, y) }}'
    )
    x, y = (array.reshape(-1).astype(np.uint8) for array in np.meshgrid([0, 1, 129, 255], range(8)))
    agrees_in_tflite(model, tmp_path, [x, y], [x[:2], y[:2]])


@pytest.mark.parametrize("kind", ["int32", "int64", "float"])
def test_remainder_of_a_quotient_cut_towards_zero(kind: str, tmp_path: Path) -> None:
    model = parse(f"g ({kind}[n] x, {kind}[n] y) => ({kind}[n] z) {{ z = Mod<fmod = 1>(x, y) }}")
    values = np.array([-9, -8, -1, 0, 1, 7, 8], "float32" if kind == "float" else kind)
    x, y = (array.reshape(-1) for array in np.meshgrid(values, values[values != 0]))
    agrees_in_tflite(model, tmp_path, [x, y], [x[:5], y[:5]])


@pytest.mark.parametrize("reduction", ["max", "min"])
def test_scatter_of_extremes(reduction: str, tmp_path: Path) -> None:
    """Infinities that no update meets stay, and one place is met twice."""
    model = parse(
        "g (float[n,3] x, int64[m,1] places, float[m,3] updates) => (float[n,3] y)"
        f' {{ y = ScatterND<reduction = "{reduction}">(x, places, updates) }}'
    )
    for count in (4, 6):
        x = RNG.standard_normal((count, 3)).astype(np.float32)
        x[0], x[1] = -np.inf, np.inf
        places = np.array([[1], [-1], [2], [2]])
        updates = RNG.standard_normal((4, 3)).astype(np.float32) * 3
        agrees_in_tflite(model, tmp_path / str(count), [x, places, updates])


@pytest.mark.parametrize(("exclusive", "reverse"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_cumulative_product(exclusive: int, reverse: int, tmp_path: Path) -> None:
    model = parse(
        "g (float[n,5] x) => (float[n,5] y) <int64[1] axis = {1}>"
        f" {{ y = CumProd<exclusive = {exclusive}, reverse = {reverse}>(x, axis) }}",
        opset=26,
    )
    lowered_agrees(model, tmp_path, RNG.standard_normal((3, 5)).astype(np.float32), exclusive, reverse)


def lowered_agrees(model: Any, folder: Path, x: Any, exclusive: int, reverse: int) -> None:
    """ONNX Runtime has no CumProd, so numpy is the oracle."""
    from convertkit.lowering import lower, write_savedmodel
    from tests.lowering.oracle import tflite

    lowered = lower(model)
    write_savedmodel(lowered, folder / "m.savedmodel")
    turned = x[:, ::-1] if reverse else x
    if exclusive:
        turned = np.concatenate([np.ones_like(turned[:, :1]), turned[:, :-1]], 1)
    want = np.cumprod(turned, 1)
    found = tflite(folder / "m.savedmodel")(x=x)["y"]
    np.testing.assert_allclose(found, want[:, ::-1] if reverse else want, rtol=1e-5)


@pytest.mark.parametrize("size", [2, 3])
def test_small_determinants(size: int, tmp_path: Path) -> None:
    model = parse(f"g (float[n,{size},{size}] x) => (float[n] y) {{ y = Det(x) }}")
    x = RNG.standard_normal((4, size, size)).astype(np.float32)
    agrees_in_tflite(model, tmp_path, [x], [x[:1]])


LONG = np.array(
    [-(2**63) + 1, -(2**62) - 3, -(2**40) - 1, -7, -1, 0, 1, 6, 2**31, 2**53 + 1, 2**62 + 5, 2**63 - 1]
)
DIVISORS = np.array([1, -2, 3, -10, 2**31 - 1, -(2**40) + 7, 2**62 - 1])


def test_quotients_of_64_bits_are_cut_towards_zero(tmp_path: Path) -> None:
    model = parse("g (int64[n] x, int64[n] y) => (int64[n] z) { z = Div(x, y) }")
    x, y = (array.reshape(-1) for array in np.meshgrid(LONG, DIVISORS))
    x, y = x[np.abs(x / y) < 2**62], y[np.abs(x / y) < 2**62]
    exact_in_tflite(model, tmp_path, [x, y])


def exact_in_tflite(model: Any, folder: Path, inputs: list[Any]) -> None:
    """To the last bit, beside ONNX Runtime."""
    from convertkit.lowering import lower, write_savedmodel
    from tests.lowering.oracle import tflite

    lowered = lower(model)
    write_savedmodel(lowered, folder / "m.savedmodel")
    names = [spec.runtime_name for spec in lowered.signature.inputs]
    found = tflite(folder / "m.savedmodel")(**dict(zip(names, inputs, strict=True)))
    for output, want in zip(model.graph.output, expected(model, inputs), strict=True):
        np.testing.assert_array_equal(found[output.name], want)


def test_powers_of_64_bits(tmp_path: Path) -> None:
    """ONNX Runtime powers in float64: up to 2^53 it is exact, and 7^18 is below it."""
    model = parse("g (int64[n] x, int64[n] y) => (int64[n] z) { z = Pow(x, y) }")
    x, y = (array.reshape(-1) for array in np.meshgrid([-7, -2, -1, 0, 1, 3], [0, 1, 2, 5, 18]))
    x, y = np.append(x, [2, -1, 1, -1]), np.append(y, [52, 101, 10**12, 10**12])
    exact_in_tflite(model, tmp_path, [x, y])


def test_shifts_of_64_bits_keep_the_sign(tmp_path: Path) -> None:
    """ONNX Runtime shifts unsigned integers alone: numpy is the oracle."""
    import onnx

    from convertkit.lowering import lower, write_savedmodel
    from tests.lowering.oracle import tflite

    text = 'g (int64[n] x, int64[n] y) => (int64[n] z) { z = BitShift<direction = "RIGHT">(x, y) }'
    lowered = lower(onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 20]> {text}'))
    write_savedmodel(lowered, tmp_path / "m.savedmodel")
    x, y = (array.reshape(-1) for array in np.meshgrid(LONG, [0, 1, 31, 61, 62, 63]))
    np.testing.assert_array_equal(tflite(tmp_path / "m.savedmodel")(x=x, y=y)["z"], x >> y)
