"""What an integer accelerator takes, and what it leaves."""

from __future__ import annotations

import pytest

from convertkit.delegates.nnapi import OTHER_TYPES, ROWS, reason
from convertkit.delegates.schema import OPERATORS
from tests.delegates.made import Drawn, operator

t = Drawn()
F, B = t(1, 8, 8, 4), t(1, 8, 8, 4, type="int8")
AXES = t.constant(1, 2)
WEIGHTS, SUMS = t.weights(4, 3, 3, 4, type="int8"), t.weights(4, type="int32")
OTHER = t(1, 4, type="int8", scales=(0.5,), zero_points=(0,))

TAKEN = [
    operator("QUANTIZE", [F], [B]),
    operator("CONV_2D", [B, WEIGHTS, SUMS], [B], version=3),
    operator("MEAN", [B, AXES], [t(1, 4, type="int8")]),
    operator("RESHAPE", [B, AXES], [B]),
    operator("GATHER", [B, t(3, type="int32")], [B], version=2),
    operator("DEQUANTIZE", [B], [F], version=2),
    operator("EQUAL", [B, B], [t(1, 8, 8, 4, type="bool")], version=2),
]
LEFT = [
    (operator("BATCH_MATMUL", [B, B], [B]), "not supported"),
    (operator("CONV_2D", [F, t.weights(4, 3, 3, 4), t.weights(4)], [F]), "float32"),
    (operator("CONV_2D", [B, WEIGHTS, SUMS], [B], version=5), "version 5"),
    (operator("CONV_2D", [B, WEIGHTS], [B]), "no bias"),
    (operator("RELU", [t(1, 2, 2, 2, 2, type="int8")], [t(1, 2, 2, 2, 2, type="int8")]), "5 axes"),
    (operator("MEAN", [B, AXES], [OTHER]), "another scale"),
    (operator("RESHAPE", [B, t(2, type="int32")], [B]), "int32"),
    (operator("TRANSPOSE", [B, t.constant(1, type="int64")], [B]), "parameters of int64"),
    (operator("GATHER", [B, t.constant(4, type="int64", shape=())], [B]), "indices of int64"),
    (operator("PACK", [B], [B], axis=4), "a new last axis"),
    (operator("CONCATENATION", [B, B], [B], activation=1), "a fused activation"),
    (operator("SELECT", [t(4, type="bool"), B, B], [B]), "a condition that is broadcast"),
]


@pytest.mark.parametrize("made", TAKEN, ids=lambda made: made.kind)
def test_it_takes(made) -> None:
    assert reason(made) == ""


@pytest.mark.parametrize(("made", "told"), LEFT, ids=lambda one: one if isinstance(one, str) else one.kind)
def test_it_leaves(made, told) -> None:
    assert reason(made) == told


def test_every_row_is_of_an_operator_that_there_is() -> None:
    assert ROWS.keys() | OTHER_TYPES.keys() <= set(OPERATORS)
