"""Sizes that are asked for, put into a graph."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from convertkit.artifacts.signature import TensorSpec
from convertkit.graphs.onnx_graph import settle


def shape(value: onnx.ValueInfoProto) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize("word", ["?", "-1", "None"])
def test_a_fixed_size_of_no_name_fixes_that_axis_alone(word: str) -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[n,3] x, float[n,4] z) => (float[n,3] y)'
        "{ y = Relu(x) }"
    )
    for value, axis in ((model.graph.input[0], 1), (model.graph.input[1], 1), (model.graph.output[0], 1)):
        value.type.tensor_type.shape.dim[axis].dim_param = word
    inputs = (TensorSpec("x", "float32", (2, 48)), TensorSpec("z", "float32", (2, "width")))
    assert settle(model, inputs, Path())
    assert [shape(value) for value in (*model.graph.input, *model.graph.output)] == [
        [2, 48],
        [2, word],
        [2, word],
    ]
