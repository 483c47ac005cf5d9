"""Operators of XNNPACK that have weights, and products of matrices."""

from __future__ import annotations

from convertkit.delegates.graph import Operator, Tensor
from convertkit.delegates.xnnpack.tensors import (
    FLOAT,
    FLOATS,
    QUANTIZED,
    Fixed,
    activation,
    count,
    first,
    shaped,
    static,
    typed,
)

SPARSE_VERSION = 8  # of FULLY_CONNECTED
SAME = 0


def matmul(operator: Operator, unpacked: Fixed) -> str:
    """float32 by float32 or by int8 weights; int8 by int8 whose zero point is 0."""
    one, other = operator.given
    made = operator.outputs[0]
    if one.type == "int8":
        found = first(typed(other, ("int8",)), typed(made, ("int8",)), typed(one, ("int8",)))
        found = found or ("a zero point in the second operand" if any(other.zero_points) else "")
    else:
        found = first(typed(one, FLOAT), typed(made, FLOAT))
        found = found or ("" if other.type in ("float32", "int8") else other.type)
    return found or first(shaped(one, 2), shaped(other, 2))


def weighted(operator: Operator, unpacked: Fixed, given: Tensor, axis: int, *, is_dynamic: bool) -> str:
    """The types of an input, its weights and the output.

    Args:
        axis: that the weights' scales may go along.
        is_dynamic: float32 inputs may meet INT8 weights.
    """
    weights, made = operator.given[1], operator.outputs[0]
    found = first(typed(given, QUANTIZED), typed(made, QUANTIZED), mixed_weights(given, weights, made))
    if found:
        return found
    if given.type != weights.type and not is_dynamic:
        return f"mixed types: {given.type}, {weights.type}"
    is_apart = len(weights.scales) > 1 and weights.axis != axis
    return "weights with scales along another axis" if is_apart else ""


def mixed_weights(given: Tensor, weights: Tensor, made: Tensor) -> str:
    """An output unlike the input, or weights that fit neither."""
    if given.type != made.type:
        return f"mixed types: {given.type}, {made.type}"
    fits = weights.type in (given.type, "int8", "int4") or (given.type, weights.type) == (
        "float32",
        "float16",
    )
    return "" if fits else f"weights of {weights.type}"


def bias(tensor: Tensor | None, unpacked: Fixed) -> str:
    """One number a channel, constant: float, or int32 with a scale."""
    if tensor is None:
        return "no bias"
    if tensor.type not in (*FLOATS, "int32"):
        return f"bias of {tensor.type}"
    return shaped(tensor, 1, 1) or static(tensor, unpacked, "bias")


def convolution(operator: Operator, unpacked: Fixed) -> str:
    """Of four axes, weights and bias constant."""
    is_depthwise = operator.kind == "DEPTHWISE_CONV_2D"
    found = first(count(operator, (3, 3)))
    if found:
        return found
    given, weights, added = operator.inputs
    if given is None or weights is None:
        return "an input that is left out"
    return first(
        *(shaped(tensor, 4, 4) for tensor in (given, weights, operator.outputs[0])),
        static(weights, unpacked, "weights"),
        bias(added, unpacked),
        weighted(operator, unpacked, given, 3 if is_depthwise else 0, is_dynamic=not is_depthwise),
        activation(operator),
    )


def dense(operator: Operator, unpacked: Fixed) -> str:
    """Plain constant weights of two axes."""
    found = first(
        count(operator, (2, 3)),
        "sparse weights" if operator.version == SPARSE_VERSION else "",
        "packed weights" if operator.options["weights_format"] else "",
    )
    if found:
        return found
    weights = operator.given[1]
    added = operator.inputs[2] if len(operator.inputs) > 2 else None
    return first(
        shaped(weights, 2, 2),
        static(weights, unpacked, "weights"),
        static(added, unpacked, "bias") if added is not None else "",
        weighted(operator, unpacked, operator.given[0], 0, is_dynamic=True),
        activation(operator),
    )


def transposed(operator: Operator, unpacked: Fixed) -> str:
    """Of four axes, to a constant size, weights and bias constant."""
    size, weights, given, *added = operator.inputs
    if given is None or weights is None:
        return "an input that is left out"
    made = operator.outputs[0]
    return first(
        static(size, what="sizes"),
        *(shaped(tensor, 4, 4) for tensor in (weights, given, made)),
        static(weights, unpacked, "weights"),
        bias(added[0], unpacked) if added and added[0] is not None else "",
        weighted(operator, unpacked, given, 0, is_dynamic=True),
        transposed_sizes(operator, given, weights, made),
        activation(operator),
    )


def transposed_sizes(operator: Operator, given: Tensor, weights: Tensor, made: Tensor) -> str:
    """Sizes that follow from each other; SAME padding with windows no smaller than steps."""
    options = operator.options
    for axis, name in ((1, "stride_h"), (2, "stride_w")):
        window, step, size = weights.shape[axis], int(options[name]), made.shape[axis]
        if options["padding"] != SAME and window > size:
            return "an output smaller than the window"
        if options["padding"] == SAME and (-(-size // step) != given.shape[axis] or window < step):
            return "steps beyond the window"
    return ""
