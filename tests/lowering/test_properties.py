"""Random small graphs of elementwise, axis-wise and channel-last operators, against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from .oracle import agrees

pytestmark = pytest.mark.slow
UNARY = ("Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Identity")
BINARY = ("Add", "Mul", "Sub", "Max", "Min")


class Graph:
    """A graph that grows node by node, with the logical shape of its latest value (batch of 2)."""

    def __init__(self, shape: tuple[int, ...], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.input_shape = self.shape = shape
        self.latest = "x"
        self.kept: list[tuple[str, tuple[int, ...]]] = [("x", shape)]

    def constant(self, array: Any) -> str:
        name = f"k{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, inputs: list[str], shape: tuple[int, ...], **attributes: Any) -> None:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        self.latest, self.shape = name, shape
        self.kept.append((name, shape))

    def model(self) -> Any:
        free = ["batch", *self.input_shape[1:]]
        graph = helper.make_graph(
            self.nodes,
            "random",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, free)],
            [helper.make_tensor_value_info(self.latest, TensorProto.FLOAT, None)],
            self.weights,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def elementwise(graph: Graph, draw: Any) -> None:
    graph.add(draw(st.sampled_from(UNARY)), [graph.latest], graph.shape)


def with_constant(graph: Graph, draw: Any) -> None:
    rank = draw(st.integers(0, len(graph.shape)))
    shape = [size if draw(st.booleans()) else 1 for size in graph.shape[len(graph.shape) - rank :]]
    if rank == len(graph.shape):
        shape[0] = 1
    name = graph.constant(graph.rng.standard_normal(shape).astype(np.float32))
    pair = [graph.latest, name] if draw(st.booleans()) else [name, graph.latest]
    graph.add(draw(st.sampled_from(BINARY)), pair, graph.shape)


def with_earlier(graph: Graph, draw: Any) -> None:
    """Two branches meet, perhaps in different axis orders."""
    same = [name for name, shape in graph.kept if shape == graph.shape]
    graph.add(draw(st.sampled_from(BINARY)), [graph.latest, draw(st.sampled_from(same))], graph.shape)


def transpose(graph: Graph, draw: Any) -> None:
    rest = draw(st.permutations(range(1, len(graph.shape))))
    order = [0, *rest]
    graph.add("Transpose", [graph.latest], tuple(graph.shape[axis] for axis in order), perm=order)


def softmax(graph: Graph, draw: Any) -> None:
    axis = draw(st.integers(1 - len(graph.shape), len(graph.shape) - 1).filter(bool))
    graph.add("Softmax", [graph.latest], graph.shape, axis=axis)


def reduce(graph: Graph, draw: Any) -> None:
    axis = draw(st.integers(1, len(graph.shape) - 1))
    axes = graph.constant(np.array([axis]))
    shape = tuple(1 if place == axis else size for place, size in enumerate(graph.shape))
    graph.add("ReduceMean", [graph.latest, axes], shape, keepdims=1)


def concat(graph: Graph, draw: Any) -> None:
    axis = draw(st.integers(1, len(graph.shape) - 1))
    shape = tuple(2 * size if place == axis else size for place, size in enumerate(graph.shape))
    same = [name for name, kept in graph.kept if kept == graph.shape]
    graph.add("Concat", [graph.latest, draw(st.sampled_from(same))], shape, axis=axis)


def pad(graph: Graph, draw: Any) -> None:
    rank = len(graph.shape)
    pads = [
        0,
        *[draw(st.integers(0, 2)) for _ in range(rank - 1)],
        0,
        *[draw(st.integers(0, 2)) for _ in range(rank - 1)],
    ]
    shape = tuple(size + pads[axis] + pads[axis + rank] for axis, size in enumerate(graph.shape))
    graph.add("Pad", [graph.latest, graph.constant(np.array(pads))], shape)


def cut(graph: Graph, draw: Any) -> None:
    axis = draw(st.integers(1, len(graph.shape) - 1))
    start = draw(st.integers(0, graph.shape[axis] - 1))
    bounds = [graph.constant(np.array([number])) for number in (start, 2**31 - 1, axis)]
    shape = tuple(size - start if place == axis else size for place, size in enumerate(graph.shape))
    graph.add("Slice", [graph.latest, *bounds], shape)


def split_axis(graph: Graph, draw: Any) -> None:
    """A reshape that splits one axis or joins two, as exporters write it."""
    rank = len(graph.shape)
    if rank == 5:
        axis = draw(st.integers(1, 3))
        joined = graph.shape[axis] * graph.shape[axis + 1]
        shape = (*graph.shape[:axis], joined, *graph.shape[axis + 2 :])
    else:
        axis = draw(st.integers(1, rank - 1))
        size = graph.shape[axis]
        part = draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0]))
        shape = (*graph.shape[:axis], part, size // part, *graph.shape[axis + 1 :])
    graph.add("Reshape", [graph.latest, graph.constant(np.array([-1, *shape[1:]]))], shape)


def convolution(graph: Graph, draw: Any) -> None:
    if len(graph.shape) != 4:
        return transpose(graph, draw)
    outputs, group = draw(st.sampled_from([(2, 1), (3, 1), (graph.shape[1], graph.shape[1])]))
    weight = graph.rng.standard_normal((outputs, graph.shape[1] // group, 3, 3)).astype(np.float32) / 3
    shape = (graph.shape[0], outputs, *graph.shape[2:])
    graph.add("Conv", [graph.latest, graph.constant(weight)], shape, pads=[1, 1, 1, 1], group=group)


def pool(graph: Graph, draw: Any) -> None:
    if len(graph.shape) != 4:
        return elementwise(graph, draw)
    operator = draw(st.sampled_from(["MaxPool", "AveragePool"]))
    shape = (*graph.shape[:2], *[(size - 1) // 2 + 1 for size in graph.shape[2:]])
    graph.add(operator, [graph.latest], shape, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])


STEPS = (
    elementwise, with_constant, with_earlier, transpose, softmax, reduce, concat, pad, cut, split_axis,
    convolution, pool,
)  # fmt: skip


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.data())
def test_a_random_graph_equals_onnx_runtime(data: st.DataObject) -> None:
    sizes = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5)), label="sizes")
    graph = Graph((2, *sizes), seed=data.draw(st.integers(0, 1000), label="seed"))
    for step in data.draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=8), label="steps"):
        if np.prod(graph.shape) < 5000:
            step(graph, data.draw)
    if graph.latest == "x":
        graph.add("Neg", ["x"], graph.shape)
    layout = data.draw(st.sampled_from(["auto", "source", "channels-last"]), label="layout")
    x = graph.rng.standard_normal(graph.input_shape).astype(np.float32)
    agrees(graph.model(), x, layout=layout, atol=1e-4)
