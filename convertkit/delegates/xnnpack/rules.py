"""XNNPACK's rule for each operator."""

from __future__ import annotations

from collections.abc import Mapping

from convertkit.delegates.graph import Operator
from convertkit.delegates.schema import names
from convertkit.delegates.xnnpack import elementwise, moving, weighted
from convertkit.delegates.xnnpack.tensors import FLOAT, FLOATS, QUANTIZED, Check, Fixed

NOT_SUPPORTED = "not supported"

FLOAT_UNARY = names(
    "ABS CEIL COS EXP FLOOR GELU HARD_SWISH LOG NEG RELU RELU6 RELU_N1_TO_1 ROUND RSQRT SIN SQRT SQUARE"
)

CHECKS: Mapping[str, Check] = {
    **dict.fromkeys(FLOAT_UNARY, elementwise.unary(*FLOATS)),
    **dict.fromkeys(("LOGISTIC", "TANH"), elementwise.unary(*QUANTIZED)),
    **dict.fromkeys(("ADD", "MUL", "SUB"), elementwise.arithmetic),
    **dict.fromkeys(("DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"), elementwise.binary),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), weighted.convolution),
    **dict.fromkeys(("MEAN", "REDUCE_MAX", "REDUCE_MIN", "SUM"), moving.reduction),
    **dict.fromkeys(("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"), moving.block),
    "AVERAGE_POOL_2D": moving.pooling(*FLOAT),
    "BATCH_MATMUL": weighted.matmul,
    "CONCATENATION": moving.concatenation,
    "DEQUANTIZE": elementwise.dequantize,
    "ELU": elementwise.unary("float32", "int8"),
    "FULLY_CONNECTED": weighted.dense,
    "LEAKY_RELU": elementwise.leaky_relu,
    "MAX_POOL_2D": moving.pooling(*QUANTIZED),
    "PAD": moving.padding,
    "PRELU": elementwise.prelu,
    "QUANTIZE": elementwise.quantize,
    "RESHAPE": moving.reshape,
    "RESIZE_BILINEAR": moving.resize,
    "SLICE": moving.slicing,
    "SOFTMAX": elementwise.softmax,
    "SPLIT": moving.split,
    "STRIDED_SLICE": moving.strided,
    "TRANSPOSE": moving.transpose,
    "TRANSPOSE_CONV": weighted.transposed,
}


def reason(operator: Operator, unpacked: Fixed = frozenset()) -> str:
    """Why the delegate leaves an operator to LiteRT's own kernels; empty where it takes it.

    Args:
        unpacked: places of tensors that hold a dequantized constant: as good as one where it is a weight.
    """
    check = CHECKS.get(operator.kind)
    return check(operator, unpacked) if check else NOT_SUPPORTED
