"""The GPU delegate's rule for each operator, and the types that it has kernels for."""

from __future__ import annotations

from collections.abc import Mapping

from convertkit.delegates.gpu import inputs, shapes
from convertkit.delegates.gpu.inputs import FLOATS, Check, activation, both, expects, taken
from convertkit.delegates.graph import Operator
from convertkit.delegates.schema import names

NOT_SUPPORTED = "not supported"
MOST_AXES = 4
TYPES = FLOATS | {"int8", "uint8"}

UNARY = names("ABS CEIL COS ELU EXP FLOOR GELU LOG LOGISTIC NEG RSQRT SIGN SIN SQRT SQUARE TANH")
BINARY = names("ATAN2 DIV FLOOR_DIV FLOOR_MOD LOGICAL_AND MAXIMUM MINIMUM POW SQUARED_DIFFERENCE SUB")
COMPARISONS = names("EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL")
FREE = names("CONCATENATION LEAKY_RELU PACK PRELU RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 SPLIT SPLIT_V UNPACK")
ONE = names("HARD_SWISH QUANTIZE RESHAPE RESIZE_NEAREST_NEIGHBOR TILE TRANSPOSE")

CHECKS: Mapping[str, Check] = {
    **dict.fromkeys(UNARY, expects(1, 0)),
    **dict.fromkeys((*BINARY, *COMPARISONS), inputs.elementwise),
    **dict.fromkeys(FREE, taken),
    **dict.fromkeys(ONE, expects(1)),
    **dict.fromkeys(("REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"), both(expects(1), shapes.reduction)),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), shapes.padding),
    **dict.fromkeys(("SELECT", "SELECT_V2"), inputs.select),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), both(expects(1), activation)),
    **dict.fromkeys(("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"), shapes.block),
    "ADD": inputs.broadcast,
    "ADD_N": inputs.matmul,
    "BATCH_MATMUL": inputs.matmul,
    "CAST": inputs.cast,
    "CONV_2D": shapes.convolution,
    "CUMSUM": inputs.cumsum,
    "DENSIFY": expects(0),
    "DEPTHWISE_CONV_2D": shapes.depthwise,
    "DEQUANTIZE": inputs.dequantize,
    "FULLY_CONNECTED": shapes.dense,
    "GATHER": inputs.gather,
    "LSTM": shapes.lstm,
    "MEAN": both(expects(1, 1), shapes.reduction),
    "MUL": inputs.multiplication,
    "ONE_HOT": inputs.one_hot,
    "RESIZE_BILINEAR": expects(1),
    "SLICE": shapes.three_or_four,
    "SOFTMAX": inputs.softmax,
    "STRIDED_SLICE": shapes.strided,
    "TRANSPOSE_CONV": shapes.convolution,
}

# Besides floats and 8 bits: of inputs that only a run knows, and of outputs.
IN_TYPES: Mapping[str, frozenset[str]] = {
    "CAST": frozenset(["bool", "int32"]),
    "GATHER": frozenset(["int32"]),
    "LOGICAL_AND": frozenset(["bool"]),
    "ONE_HOT": frozenset(["int32"]),
    "SELECT": frozenset(["bool"]),
    "SELECT_V2": frozenset(["bool"]),
}
OUT_TYPES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys((*COMPARISONS, "LOGICAL_AND"), frozenset(["bool"])),
    "CAST": frozenset(["bool", "int32"]),
}


def reason(operator: Operator) -> str:
    """Why the delegate leaves an operator to the CPU; empty where it takes it."""
    check = CHECKS.get(operator.kind)
    return check(operator) or type_reason(operator) if check else NOT_SUPPORTED


def type_reason(operator: Operator) -> str:
    """A tensor of five axes or more, or one of a type that GPUs have no kernels for."""
    for tensors, more in (
        (operator.given, IN_TYPES.get(operator.kind, frozenset())),
        (operator.outputs, OUT_TYPES.get(operator.kind, frozenset())),
    ):
        for tensor in tensors:
            if tensor.rank > MOST_AXES:
                return f"{tensor.rank} axes"
            if not tensor.is_constant and tensor.type not in TYPES | more:
                return tensor.type
    return ""
