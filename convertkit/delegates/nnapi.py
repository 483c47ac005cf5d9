"""What an integer accelerator behind Android's NNAPI takes: operators of 8 bits with constant parameters.

What is float32 NNAPI hands to a GPU or the CPU; here it counts as left, since it does not run in integers.

Source: `NNAPIDelegateKernel::Validate` (`lite/delegates/nnapi/nnapi_delegate.cc`) of TensorFlow for NNAPI 1.3
(Android 11) and an accelerator asked for by name; at most four axes, as NNAPI's operand reference has it. An
accelerator may take less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from convertkit.delegates.graph import Operator, Tensor

NOT_SUPPORTED = "not supported"
MOST_AXES = 4
BYTES = frozenset(["int8", "uint8"])

Check = Callable[[Operator], str]


def reason(operator: Operator) -> str:
    """Why the accelerator leaves an operator to the CPU; empty where it takes it."""
    row = ROWS.get(operator.kind)
    if row is None:
        return NOT_SUPPORTED
    version, check = row
    if operator.version > version:
        return f"version {operator.version}"
    return wide(operator) or bytes_only(operator) or check(operator)


def wide(operator: Operator) -> str:
    """A tensor of more than four axes."""
    most = max((tensor.rank for tensor in (*operator.given, *operator.outputs)), default=0)
    return f"{most} axes" if most > MOST_AXES else ""


def bytes_only(operator: Operator) -> str:
    """What a run computes is of 8 bits, but for float32 that goes in or comes out, indices and booleans."""
    more = OTHER_TYPES.get(operator.kind, frozenset())
    tensors = (*(tensor for tensor in operator.given if not tensor.is_constant), *operator.outputs)
    found = [tensor.type for tensor in tensors if tensor.type not in BYTES | more]
    return found[0] if found else ""


def taken(operator: Operator) -> str:
    """Nothing is asked."""
    return ""


def constant(*places: int) -> Check:
    """Parameters at these places that are constants of int32, where they are given."""

    def check(operator: Operator) -> str:
        found = [tensor for place, tensor in enumerate(operator.inputs) if place in places and tensor]
        return next(filter(None, map(parameter, found)), "")

    return check


def parameter(tensor: Tensor) -> str:
    """A constant of int32."""
    if not tensor.is_constant:
        return "parameters that a run computes"
    return "" if tensor.type == "int32" else f"parameters of {tensor.type}"


def convolution(operator: Operator) -> str:
    """With a bias."""
    return "" if len(operator.given) == 3 else "no bias"


def concatenation(operator: Operator) -> str:
    """Without a fused activation."""
    return "a fused activation" if operator.options["activation"] else ""


def normalization(operator: Operator) -> str:
    """Without a fused activation."""
    return "a fused activation" if operator.options["activation"] else ""


def mean(operator: Operator) -> str:
    """At the same scale, and not to a single number."""
    given, made = operator.given[0], operator.outputs[0]
    if (given.scales, given.zero_points) != (made.scales, made.zero_points):
        return "another scale"
    return "" if made.rank else "a single number"


def extreme(operator: Operator) -> str:
    """Single numbers are constants."""
    is_fixed = all(tensor.is_constant or tensor.rank for tensor in operator.given)
    return "" if is_fixed else "a single number that a run computes"


def gather(operator: Operator) -> str:
    """By a list of int32."""
    indices = operator.given[1]
    if indices.type != "int32":
        return f"indices of {indices.type}"
    return "" if indices.rank else "a single index"


def select(operator: Operator) -> str:
    """A condition of the values' own shape."""
    is_same = operator.given[0].shape == operator.given[1].shape
    return "" if is_same else "a condition that is broadcast"


def crops(operator: Operator) -> str:
    """Nothing cropped."""
    return "" if set(operator.given[2].values or (1,)) == {0} else "crops"


def pack(operator: Operator) -> str:
    """Not along a new last axis."""
    return "a new last axis" if operator.options["axis"] in (-1, operator.given[0].rank) else ""


def bilinear(operator: Operator) -> str:
    """Of four axes, to a constant size."""
    return constant(1)(operator) or ("" if operator.given[0].rank == 4 else f"{operator.given[0].rank} axes")


# Kind → the last version of the operator that is taken, and what else is asked.
ROWS: Mapping[str, tuple[int, Check]] = {
    **dict.fromkeys(("AVERAGE_POOL_2D", "LOGISTIC", "MAX_POOL_2D", "RELU", "RELU6", "TANH"), (2, taken)),
    **dict.fromkeys(
        ("DEQUANTIZE", "QUANTIZE", "RELU_N1_TO_1", "SPACE_TO_DEPTH", "STRIDED_SLICE"), (2, taken)
    ),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), (3, convolution)),
    **dict.fromkeys(("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"), (2, taken)),
    **dict.fromkeys(("LEAKY_RELU", "PRELU", "SQUEEZE", "TILE"), (1, taken)),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), (3, extreme)),
    **dict.fromkeys(("PAD", "PADV2", "SLICE"), (2, taken)),
    **dict.fromkeys(("REDUCE_MAX", "REDUCE_MIN"), (2, taken)),
    "ADD": (2, taken),
    "ARG_MAX": (2, taken),
    "ARG_MIN": (2, taken),
    "BATCH_TO_SPACE_ND": (2, crops),
    "CONCATENATION": (2, concatenation),
    "DEPTH_TO_SPACE": (2, taken),
    "EXPAND_DIMS": (1, constant(1)),
    "FULLY_CONNECTED": (5, taken),
    "GATHER": (2, gather),
    "HARD_SWISH": (2, taken),
    "L2_NORMALIZATION": (2, normalization),
    "MEAN": (2, mean),
    "MUL": (3, taken),
    "PACK": (2, pack),
    "RESHAPE": (1, constant(1)),
    "RESIZE_BILINEAR": (3, bilinear),
    "RESIZE_NEAREST_NEIGHBOR": (3, constant(1)),
    "SELECT": (2, select),
    "SOFTMAX": (2, taken),
    "SPACE_TO_BATCH_ND": (2, taken),
    "SPLIT": (3, constant(0)),
    "SUB": (3, taken),
    "TOPK_V2": (2, constant(1)),
    "TRANSPOSE": (2, constant(1)),
    "TRANSPOSE_CONV": (3, constant(0)),
}

OTHER_TYPES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        ("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"), frozenset(["bool"])
    ),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN", "GATHER", "TOPK_V2"), frozenset(["int32"])),
    "DEQUANTIZE": frozenset(["float32"]),
    "QUANTIZE": frozenset(["float32"]),
    "SELECT": frozenset(["bool"]),
}
