"""Operators of XNNPACK that work on each element, and softmax."""

from __future__ import annotations

import math

from convertkit.delegates.graph import Operator
from convertkit.delegates.xnnpack.tensors import (
    BYTES,
    FLOAT,
    QUANTIZED,
    Check,
    Fixed,
    activation,
    all_typed,
    count,
    first,
    mixed,
    scale,
    shaped,
    static,
    typed,
    within,
)


def unary(*types: str) -> Check:
    """One operand of one of some types."""

    def check(operator: Operator, unpacked: Fixed) -> str:
        return first(count(operator, (1, 1)), shaped(operator.given[0]), all_typed(operator, types))

    return check


def dequantize(operator: Operator, unpacked: Fixed) -> str:
    """Bytes with one scale to float32."""
    return first(typed(operator.given[0], BYTES), typed(operator.outputs[0], FLOAT))


def quantize(operator: Operator, unpacked: Fixed) -> str:
    """float32 to bytes, or bytes to the same at a scale that is not far off."""
    given, made = operator.given[0], operator.outputs[0]
    found = first(typed(given, QUANTIZED), typed(made, BYTES))
    if found or given.type in FLOAT:
        return found
    ratio = scale(given) / scale(made)
    return mixed(operator) or ("" if 1 / 256 <= ratio <= 128 else within(ratio, 1 / 256, 128))


def leaky_relu(operator: Operator, unpacked: Fixed) -> str:
    """A slope that is no zero, and scales that are not far off."""
    alpha, given, made = operator.options["alpha"], operator.given[0], operator.outputs[0]
    if not alpha:
        return "a slope of 0"
    ratio = scale(given) / scale(made)
    far = "" if math.isnan(ratio) else within(ratio, 1 / 256, 128) or within(abs(ratio * alpha), 1 / 256, 128)
    return unary(*QUANTIZED)(operator, unpacked) or far


def binary(operator: Operator, unpacked: Fixed) -> str:
    """Two float32 operands."""
    return first(count(operator, (2, 2)), *map(shaped, operator.given), all_typed(operator, FLOAT)) or (
        activation(operator)
    )


def prelu(operator: Operator, unpacked: Fixed) -> str:
    """float32 with constant slopes."""
    return first(binary(operator, unpacked), static(operator.given[1], unpacked, "slopes"))


def arithmetic(operator: Operator, unpacked: Fixed) -> str:
    """Two operands of one type; ADD, SUB and MUL have integer kernels too."""
    found = first(
        count(operator, (2, 2)),
        *map(shaped, operator.given),
        all_typed(operator, QUANTIZED),
        mixed(operator),
        activation(operator),
    )
    if found or operator.outputs[0].type in FLOAT:
        return found
    one, other, made = (scale(tensor) for tensor in (*operator.given, operator.outputs[0]))
    if operator.kind == "MUL":
        return within(one * other / made, 2**-16, 256)
    return first(within(one / made, 2**-10, 256), within(other / made, 2**-10, 256))


def softmax(operator: Operator, unpacked: Fixed) -> str:
    """float32 without a factor."""
    return all_typed(operator, FLOAT) or ("" if operator.options["beta"] == 1 else "a beta")
