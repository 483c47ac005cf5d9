"""Shapes that would fill memory are refused before anything runs them, wherever they stand."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from convertkit.errors import ModelFileError
from convertkit.graphs.onnx_sizes import check_sizes

pytestmark = pytest.mark.slow

HUGE, FINE = [1 << 20, 1 << 20], [4, 5]


def model(nodes: list[onnx.NodeProto], *initializers: onnx.TensorProto) -> onnx.ModelProto:
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    return helper.make_model(helper.make_graph(nodes, "g", [], [out], list(initializers)))


def shape(name: str, sizes: list[int]) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(sizes, np.int64), name)


def made(kind: str, sizes: list[int]) -> onnx.ModelProto:
    """A graph with one shape, in one of the places where a graph may have it."""
    node = helper.make_node("ConstantOfShape", ["s"], ["y"])
    if kind == "initializer":
        return model([node], shape("s", sizes))
    constant = helper.make_node("Constant", [], ["s"], value=shape("s", sizes))
    if kind == "constant":
        return model([constant, node])
    if kind == "expand":
        return model([constant, helper.make_node("Expand", ["x", "s"], ["y"])])
    inner = helper.make_graph([constant, node], "inner", [], [])
    return model([helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)])


@pytest.mark.parametrize("kind", ["initializer", "constant", "expand", "subgraph"])
def test_a_shape_that_fills_memory_is_refused(kind: str) -> None:
    check_sizes(made(kind, FINE))
    check_sizes(made(kind, [*HUGE, 0]))
    with pytest.raises(ModelFileError, match="makes a tensor of"):
        check_sizes(made(kind, HUGE))
