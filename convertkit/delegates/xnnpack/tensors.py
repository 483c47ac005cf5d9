"""What XNNPACK asks of tensors: types, scales, axes, constants. What is wrong is a word or two; else none."""

from __future__ import annotations

import math
from collections.abc import Callable, Set

from convertkit.delegates.graph import Operator, Tensor

MOST_AXES = 6
RELU6 = 3  # the last of the fused activations that are taken
FLOATS = ("float32", "float16")
BYTES = ("int8", "uint8")
FLOAT = ("float32",)
QUANTIZED = (*FLOAT, *BYTES)

Fixed = Set[int]
"""Places of tensors that hold a dequantized constant: as good as one where it is a weight."""
Check = Callable[[Operator, Fixed], str]


def typed(tensor: Tensor, types: tuple[str, ...]) -> str:
    """Of one of some types, bytes with one scale for all."""
    if tensor.type not in types:
        return tensor.type
    if tensor.type in BYTES and (len(tensor.scales) != 1 or tensor.axis):
        return "scales along an axis" if tensor.scales else f"{tensor.type} without a scale"
    return ""


def all_typed(operator: Operator, types: tuple[str, ...], inputs: slice = slice(None)) -> str:
    """Inputs and outputs of one of some types."""
    found = (typed(tensor, types) for tensor in (*operator.given[inputs], *operator.outputs))
    return next(filter(None, found), "")


def mixed(operator: Operator, inputs: slice = slice(None)) -> str:
    """Inputs and outputs that are not all of one type."""
    kinds = {tensor.type for tensor in (*operator.given[inputs], *operator.outputs)}
    return f"mixed types: {', '.join(sorted(kinds))}" if len(kinds) > 1 else ""


def shaped(tensor: Tensor, least: int = 0, most: int = MOST_AXES) -> str:
    """Of so many axes, none of them empty."""
    if not least <= tensor.rank <= most:
        return f"{tensor.rank} axes"
    return "" if all(size > 0 for size in tensor.shape) else "an empty tensor"


def static(tensor: Tensor | None, unpacked: Fixed = frozenset(), what: str = "parameters") -> str:
    """A constant."""
    if tensor is not None and (tensor.is_constant or tensor.place in unpacked):
        return ""
    return f"{what} that a run computes" if tensor is not None else f"no {what}"


def activation(operator: Operator) -> str:
    """No fused TANH or SIGN_BIT."""
    return "a fused activation" if operator.options.get("activation", 0) > RELU6 else ""


def within(ratio: float, low: float, high: float) -> str:
    """A ratio of scales that the kernel's fixed-point numbers can hold."""
    return "" if low <= ratio < high else "scales too far apart"


def scale(tensor: Tensor) -> float:
    """The only scale of a tensor of bytes; NaN of others."""
    return tensor.scales[0] if tensor.type in BYTES and len(tensor.scales) == 1 else math.nan


def first(*found: str) -> str:
    """The first of what some checks say."""
    return next(filter(None, found), "")


def count(operator: Operator, inputs: tuple[int, int], outputs: tuple[int, int] = (1, 1)) -> str:
    """So many inputs, at least and at most, and so many outputs."""
    if not inputs[0] <= len(operator.inputs) <= inputs[1]:
        return f"{len(operator.inputs)} inputs"
    return "" if outputs[0] <= len(operator.outputs) <= outputs[1] else f"{len(operator.outputs)} outputs"
