"""The tables of operators, types and options beside the schema that ships with TensorFlow."""

from __future__ import annotations

from typing import Any

import pytest

from convertkit.delegates.graph import read_graphs
from convertkit.delegates.schema import OPERATORS, OPTIONS, TYPES, Option
from convertkit.runtimes.tflite_operators import schema
from tests.delegates.made import tflite_of

CLASSES: Any = schema()
pytestmark = pytest.mark.skipif(CLASSES is None, reason="TensorFlow's schema is not installed")

OWN_NAMES = {
    "activation": "fusedActivationFunction",
    "stride_w": "strideW",
    "stride_h": "strideH",
    "filter_w": "filterWidth",
    "filter_h": "filterHeight",
    "dilation_w": "dilationWFactor",
    "dilation_h": "dilationHFactor",
    "then_graph": "thenSubgraphIndex",
    "else_graph": "elseSubgraphIndex",
    "cond_graph": "condSubgraphIndex",
    "body_graph": "bodySubgraphIndex",
}
CLASS_NAMES = {
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "LSTM": "LSTMOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    **dict.fromkeys(("MEAN", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"), "ReducerOptions"),
}


def words_of(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def attribute(option: Option) -> str:
    first, *rest = option.name.split("_")
    return OWN_NAMES.get(option.name, first + "".join(word.capitalize() for word in rest))


def class_of(kind: str) -> str:
    return CLASS_NAMES.get(kind, "".join(word.capitalize() for word in kind.split("_")) + "Options")


def test_operators_and_types_have_their_numbers() -> None:
    assert dict(enumerate(OPERATORS)) == words_of(CLASSES.BuiltinOperator)
    assert {at: name.upper() for at, name in enumerate(TYPES)} == words_of(CLASSES.TensorType)


@pytest.mark.parametrize("kind", sorted(OPTIONS))
def test_options_are_read_as_they_were_written(kind, tmp_path) -> None:
    options = getattr(CLASSES, f"{class_of(kind)}T")()
    written = {}
    for number, option in enumerate(OPTIONS[kind], 1):
        is_flag = isinstance(getattr(options, attribute(option)), bool)
        written[option.name] = number / 4 if option.form == "real" else 1 if is_flag else number
        setattr(options, attribute(option), written[option.name])
    file = tmp_path / "m.tflite"
    file.write_bytes(tflite_of([(kind, options, [0], [1])], [("float32", (1,)), ("float32", (1,))]))
    assert read_graphs(file)[0].operators[0].options == written


@pytest.mark.parametrize("kind", sorted(OPTIONS))
def test_options_that_are_left_out_have_the_schemas_defaults(kind, tmp_path) -> None:
    file = tmp_path / "m.tflite"
    file.write_bytes(tflite_of([(kind, None, [0], [1])], [("float32", (1,)), ("float32", (1,))]))
    defaults = getattr(CLASSES, f"{class_of(kind)}T")()
    found = read_graphs(file)[0].operators[0].options
    assert found == {option.name: getattr(defaults, attribute(option)) for option in OPTIONS[kind]}
