"""XNNPACK's rules, each with an operator that it takes and those that it leaves."""

from __future__ import annotations

import pytest

from convertkit.delegates.schema import OPERATORS
from convertkit.delegates.xnnpack.rules import CHECKS, reason
from tests.delegates.made import Drawn, operator

t = Drawn()
F = t(1, 8, 8, 4)
B = t(1, 8, 8, 4, type="int8")
AXES = t.constant(1, 2)
PADDING = t.constant(0, 0, 1, 1, 1, 1, 0, 0, shape=(4, 2))
ONES, TWOS = t.constant(1, 1, 1, 1), t.constant(2, 2, 2, 2)
WEIGHTS, BIAS = t.weights(4, 3, 3, 4), t.weights(4)
BYTES = t.weights(4, 3, 3, 4, type="int8", scales=(0.1,) * 4, zero_points=(0,) * 4)
SUMS = t.weights(4, type="int32", scales=(0.1,) * 4)
ROW = t(1, 256)
DENSE = t.weights(5, 256)
BYTE_ROW = t(1, 256, type="int8")
BYTE_DENSE = t.weights(5, 256, type="int8")
STEPS = {"stride_w": 2, "stride_h": 2}
WINDOW = {**STEPS, "filter_w": 2, "filter_h": 2}
SMALL = {"scales": (1e-6,), "zero_points": (0,)}
OFF_ZERO = {"zero_points": (3,)}

TAKEN = [
    operator("ADD", [F, t()], [F]),
    operator("ADD", [B, B], [B], activation=3),
    operator("AVERAGE_POOL_2D", [F], [F], **WINDOW),
    operator("BATCH_MATMUL", [F, F], [F]),
    operator("BATCH_MATMUL", [B, B], [B]),
    operator("CONCATENATION", [B, B, B], [B]),
    operator("CONV_2D", [F, WEIGHTS, BIAS], [F]),
    operator("CONV_2D", [B, BYTES, SUMS], [B]),
    operator("CONV_2D", [F, BYTES, BIAS], [F]),
    operator("DEQUANTIZE", [B], [F]),
    operator("FULLY_CONNECTED", [ROW, DENSE, None], [t(1, 5)]),
    operator("FULLY_CONNECTED", [BYTE_ROW, BYTE_DENSE, t.weights(5, type="int32")], [t(1, 5, type="int8")]),
    operator("LEAKY_RELU", [B], [B], alpha=0.25),
    operator("MAX_POOL_2D", [B], [B], **WINDOW),
    operator("MEAN", [B, AXES], [B]),
    operator("PAD", [F, PADDING], [F]),
    operator("PRELU", [F, BIAS], [F]),
    operator("QUANTIZE", [F], [B]),
    operator("RELU", [F], [F]),
    operator("RESHAPE", [F, AXES], [ROW]),
    operator("RESIZE_BILINEAR", [F, AXES], [F]),
    operator("SLICE", [F, ONES, ONES], [F]),
    operator("SOFTMAX", [F], [F], beta=1.0),
    operator("SPLIT", [t.constant(3, shape=()), F], [F, F]),
    operator("STRIDED_SLICE", [F, ONES, TWOS, ONES], [F], begin_mask=1, end_mask=1),
    operator("TRANSPOSE", [B, AXES], [B]),
    operator("TRANSPOSE_CONV", [AXES, WEIGHTS, F], [t(1, 16, 16, 4)], **STEPS),
]
LEFT = [
    (operator("GATHER", [F, AXES], [F]), "not supported"),
    (operator("EXPAND_DIMS", [F, AXES], [F]), "not supported"),
    (operator("RELU", [B], [B]), "int8"),
    (operator("HARD_SWISH", [B], [B]), "int8"),
    (operator("RELU", [t(1, 1, 1, 1, 1, 1, 1)], [F]), "7 axes"),
    (operator("RELU", [t(0, 4)], [t(0, 4)]), "an empty tensor"),
    (operator("ADD", [F, B], [F]), "mixed types: float32, int8"),
    (operator("ADD", [t(4, type="int32"), t(4, type="int32")], [t(4, type="int32")]), "int32"),
    (operator("ADD", [F, F], [F], activation=4), "a fused activation"),
    (operator("ADD", [B, t(type="int8", **SMALL)], [B]), "scales too far apart"),
    (operator("MUL", [t(4, type="int8", **SMALL), t(4, type="int8", **SMALL)], [B]), "scales too far apart"),
    (operator("DIV", [B, B], [B]), "int8"),
    (operator("AVERAGE_POOL_2D", [F], [F], **(WINDOW | {"stride_w": 3})), "steps beyond the window"),
    (operator("BATCH_MATMUL", [B, t(1, 8, 8, 4, type="int8", **OFF_ZERO)], [B]), "a zero point"),
    (operator("BATCH_MATMUL", [t(4), F], [F]), "1 axes"),
    (operator("CONCATENATION", [F], [F]), "1 inputs"),
    (operator("CONV_2D", [F, WEIGHTS], [F]), "2 inputs"),
    (operator("CONV_2D", [F, WEIGHTS, None], [F]), "no bias"),
    (operator("CONV_2D", [F, t(4, 3, 3, 4), BIAS], [F]), "weights that a run computes"),
    (operator("CONV_2D", [B, BYTES, t(4, type="int32")], [B]), "bias that a run computes"),
    (operator("DEPTHWISE_CONV_2D", [F, BYTES, BIAS], [F], depth_multiplier=1), "mixed types: float32, int8"),
    (operator("FULLY_CONNECTED", [ROW, DENSE, None], [t(1, 5)], weights_format=1), "packed weights"),
    (operator("FULLY_CONNECTED", [ROW, DENSE, None], [t(1, 5)], version=8), "sparse weights"),
    (operator("FULLY_CONNECTED", [ROW, t(5, 256), None], [t(1, 5)]), "weights that a run computes"),
    (operator("LEAKY_RELU", [F], [F], alpha=0.0), "a slope of 0"),
    (operator("MEAN", [F, t(2, type="int32")], [F]), "axes that a run computes"),
    (operator("PAD", [F, t(4, 2, type="int32")], [F]), "sizes that a run computes"),
    (operator("PAD", [F, t.constant(-1, 0, 0, 0, shape=(2, 2))], [F]), "negative padding"),
    (operator("PRELU", [F, t(4)], [F]), "slopes that a run computes"),
    (operator("QUANTIZE", [t(4, type="int8", **SMALL)], [B]), "scales too far apart"),
    (operator("RESHAPE", [F, t(2, type="int32")], [F]), "shape that a run computes"),
    (operator("RESHAPE", [B, AXES], [t(4, type="int8", **SMALL)]), "another scale"),
    (operator("SLICE", [F, ONES, t.constant(-1, 1, 1, 1)], [F]), "to the end"),
    (operator("SOFTMAX", [B], [B], beta=1.0), "int8"),
    (operator("SPLIT", [t.constant(3, shape=()), F], [F] * 5), "5 outputs"),
    (operator("STRIDED_SLICE", [F, ONES, TWOS, ONES], [F], shrink_axis_mask=1), "an index in the slice"),
    (operator("STRIDED_SLICE", [F, ONES, TWOS, TWOS], [F]), "steps"),
    (operator("STRIDED_SLICE", [F, ONES, TWOS, ONES], [F]), "a slice beyond its input"),
    (operator("STRIDED_SLICE", [F, AXES, AXES, AXES], [F]), "fewer places than axes"),
    (operator("TRANSPOSE_CONV", [t(4, type="int32"), WEIGHTS, F], [F], **STEPS), "sizes that a run computes"),
    (operator("SPACE_TO_DEPTH", [t(1, 9, 8, 4)], [F], block_size=2), "sizes that blocks do not divide"),
]


@pytest.mark.parametrize("made", TAKEN, ids=lambda made: made.kind)
def test_it_takes(made) -> None:
    assert reason(made) == ""


@pytest.mark.parametrize(("made", "told"), LEFT, ids=lambda one: one if isinstance(one, str) else one.kind)
def test_it_leaves(made, told) -> None:
    assert reason(made).startswith(told)


def test_unpacked_weights_are_as_good_as_constant_ones() -> None:
    weights = t(5, 256)
    made = operator("FULLY_CONNECTED", [ROW, weights, None], [t(1, 5)])
    assert reason(made, frozenset([weights.place])) == ""
    assert reason(made) == "weights that a run computes"


def test_every_rule_is_of_an_operator_that_there_is() -> None:
    assert CHECKS.keys() <= set(OPERATORS)
