"""The GPU delegate's rules, each with an operator that it takes and those that it leaves."""

from __future__ import annotations

import msgspec
import pytest

from convertkit.delegates.gpu.rules import CHECKS, reason
from convertkit.delegates.schema import OPERATORS
from tests.delegates.made import Drawn, operator

t = Drawn()
F = t(1, 8, 8, 4)
AXES = t.constant(1, 2)
INDICES = t(6, type="int32")
CONDITION = t(1, 8, 8, 4, type="bool")
PADDING = t.weights(4, 2, type="int32")
WEIGHTS, BIAS = t.weights(4, 3, 3, 4), t.weights(4)
DEPTHWISE = t.weights(1, 3, 3, 4)
DENSE = t.weights(5, 256)
ROW = t(1, 256)
BYTES = t(1, 8, 8, 4, type="int8")

TAKEN = [
    operator("ADD", [F, F], [F]),
    operator("ADD", [F, t.weights(4)], [F]),
    operator("AVERAGE_POOL_2D", [F], [F]),
    operator("BATCH_MATMUL", [F, F], [F]),
    operator("CAST", [t(2, type="int32")], [t(2)]),
    operator("CONV_2D", [F, WEIGHTS, BIAS], [F]),
    operator("CONV_2D", [BYTES, t.weights(4, 3, 3, 4, type="int8"), t.weights(4, type="int32")], [BYTES]),
    operator("DEPTHWISE_CONV_2D", [F, DEPTHWISE, BIAS], [F], depth_multiplier=1),
    operator("FULLY_CONNECTED", [ROW, DENSE, None], [t(1, 5)]),
    operator("GATHER", [F, INDICES], [F]),
    operator("GELU", [F], [F]),
    operator("GREATER", [F, F], [CONDITION]),
    operator("MEAN", [F, AXES], [t(1, 4)]),
    operator("MUL", [F, t.weights(1, 1, 1, 4)], [F]),
    operator("PAD", [F, PADDING], [F]),
    operator("SELECT_V2", [CONDITION, F, t.weights()], [F]),
    operator("SOFTMAX", [F], [F], beta=1.0),
    operator("SPACE_TO_DEPTH", [F], [F], block_size=2),
    operator("STRIDED_SLICE", [F, AXES, AXES, AXES], [F]),
    operator("TRANSPOSE", [F, AXES], [F]),
]
LEFT = [
    (operator("GATHER_ND", [F, INDICES], [F]), "not supported"),
    (operator("FlexErf", [F], [F]), "not supported"),
    (operator("RELU", [t(1, 2, 2, 2, 2)], [t(1, 2, 2, 2, 2)]), "5 axes"),
    (operator("RELU", [t(1, 2, type="int16")], [t(1, 2, type="int16")]), "int16"),
    (operator("ADD", [F], [F]), "1 inputs"),
    (operator("ADD", [F, t(8, 3)], [F]), "shapes that do not broadcast"),
    (operator("CAST", [t(2, type="int64")], [t(2)]), "int64 to float32"),
    (operator("CONV_2D", [F, t(4, 3, 3, 4), t(4)], [F]), "3 inputs of a run"),
    (operator("DEPTHWISE_CONV_2D", [F, DEPTHWISE, BIAS], [F], depth_multiplier=2), "channels that"),
    (operator("DEPTH_TO_SPACE", [F], [F], block_size=1), "blocks of 1"),
    (operator("FULLY_CONNECTED", [ROW, DENSE, None], [t(1, 5)], weights_format=1), "packed weights"),
    (operator("FULLY_CONNECTED", [DENSE, DENSE, None], [t(5, 5)]), "a constant input"),
    (operator("GATHER", [F, t.constant(4, type="int64", shape=())], [F]), "indices of 0 axes"),
    (operator("GATHER", [F, t(6, type="int64")], [F]), "indices of int64"),
    (operator("MEAN", [F, t(2, type="int32")], [F]), "2 inputs of a run, not 1"),
    (operator("MIRROR_PAD", [F, PADDING], [F], mode=1), "SYMMETRIC padding"),
    (operator("MUL", [t(1, 256, 1), t(1, 1, 256)], [t(1, 256, 256)]), "an outer product"),
    (operator("PAD", [ROW, t.weights(2, 2, type="int32")], [ROW]), "2 axes"),
    (operator("SELECT_V2", [CONDITION, F, t(1, 1, 1, 4)], [F]), "values that are broadcast"),
    (operator("SELECT_V2", [CONDITION, BYTES, BYTES], [BYTES]), "int8"),
    (operator("SLICE", [ROW, AXES, AXES], [ROW]), "2 axes"),
    (operator("SOFTMAX", [F], [F], beta=2.0), "beta 2"),
    (operator("STRIDED_SLICE", [F, AXES, AXES, AXES], [F], shrink_axis_mask=1), "an index"),
    (operator("SUM", [F, t(2, type="int32")], [F]), "2 inputs of a run, not 1"),
    (operator("TANH", [WEIGHTS], [WEIGHTS]), "0 inputs of a run"),
    (operator("SUB", [F, F, F], [F]), "3 inputs of a run and 0 constants"),
    (operator("DEQUANTIZE", [t(1, 4, type="int16")], [t(1, 4)]), "int16"),
    (operator("ONE_HOT", [t(3, type="int64"), AXES, BIAS, BIAS], [F]), "types"),
    (operator("CUMSUM", [F, t(type="int32")], [F]), "float32"),
    (operator("CONCATENATION", [t(2, type="int64")], [t(2, type="int64")]), "int64"),
]


@pytest.mark.parametrize("made", TAKEN, ids=lambda made: made.kind)
def test_it_takes(made) -> None:
    assert reason(made) == ""


@pytest.mark.parametrize(("made", "told"), LEFT, ids=lambda one: one if isinstance(one, str) else one.kind)
def test_it_leaves(made, told) -> None:
    assert reason(made).startswith(told)


def test_every_rule_is_of_an_operator_that_there_is() -> None:
    assert CHECKS.keys() <= set(OPERATORS)


def test_a_sign_bit_is_no_fused_activation() -> None:
    made = operator("CONV_2D", [F, WEIGHTS, BIAS], [F], activation=5)
    assert reason(made) == "fused SIGN_BIT"
    assert reason(msgspec.structs.replace(made, options=made.options | {"activation": 4})) == ""
