"""Average pools to sizes that do not divide, as PyTorch exports them, come out as pools or means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

pytest.importorskip("tensorflow")
from tests.lowering.oracle import agrees, agrees_in_tflite, kinds

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(5)


class Graph:
    """The nodes of an adaptive pool, and the constants that they read."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def constant(self, array: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output


def indices(size: int, count: int) -> tuple[Any, Any]:
    """The indices of each window, the last one repeated, and how many of them count."""
    starts = np.arange(count) * size // count
    ends = -(-(np.arange(count) + 1) * size // count)
    lengths = ends - starts
    return np.minimum(starts[:, None] + np.arange(lengths.max()), size - 1), lengths


def adaptive(
    sizes: tuple[int, int],
    target: tuple[int, int],
    terms: slice = slice(None),
    lead: tuple[Any, ...] = ("n", 3),
) -> onnx.ModelProto:
    """A pool of `sizes` to `target`; `terms` says which terms of the sum are there."""
    graph, front, rank = Graph(), len(lead), len(lead) + 2
    (rows, heights), (columns, widths) = (indices(*pair) for pair in zip(sizes, target, strict=True))
    moved = graph.add("Transpose", "x", perm=[front, front + 1, *range(front)])
    grid = np.broadcast_arrays(rows[:, :, None, None], columns[None, None])
    picked = graph.add("GatherND", moved, graph.constant(np.stack(grid, -1).astype(np.int64)))
    value = graph.add("Transpose", picked, perm=[*range(4, 4 + front), 0, 1, 2, 3])
    masks = [(lengths, (-1, length, 1, 1) if axis == 0 else (-1, length)) for axis, (lengths, length) in
             enumerate(((heights, rows.shape[1]), (widths, columns.shape[1])))]  # fmt: skip
    if all(len(set(lengths)) == 1 for lengths, _ in masks):
        graph.add("ReduceMean", value, graph.constant(np.array([-3, -1])), output="y", keepdims=0)
    else:
        for lengths, shape in masks:
            if len(set(lengths)) > 1:
                mask = (np.arange(max(lengths)) >= lengths[:, None]).reshape(shape)
                value = graph.add("Where", graph.constant(mask), graph.constant(np.float32(0)), value)
        picks = [(i, j) for i in range(rows.shape[1]) for j in range(columns.shape[1])][terms]
        parts = []
        for i, j in picks:
            row = graph.add("Gather", value, graph.constant(np.int64(i)), axis=rank - 1)
            parts.append(graph.add("Gather", row, graph.constant(np.int64(j)), axis=rank))
        total = parts[0]
        for part in parts[1:]:
            total = graph.add("Add", total, part)
        counts = (heights[:, None] * widths).astype(np.float32)
        graph.add("Div", total, graph.constant(counts), output="y")
    info = helper.make_tensor_value_info
    return helper.make_model(
        helper.make_graph(
            graph.nodes, "g", [info("x", TensorProto.FLOAT, [*lead, *sizes])],
            [info("y", TensorProto.FLOAT, [*lead, *target])], graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", 20)], ir_version=9,
    )  # fmt: skip


def image(batch: int, sizes: tuple[int, int]) -> Any:
    return RNG.standard_normal((batch, 3, *sizes)).astype(np.float32)


@pytest.mark.parametrize(
    ("sizes", "target", "pools"),
    [
        ((13, 11), (2, 2), 1),
        ((13, 11), (3, 3), 2),
        ((13, 11), (6, 6), 2),
        ((7, 9), (5, 7), 0),  # windows of no one step: means of slices
        ((7, 11), (5, 3), 1),
        ((5, 1), (3, 1), 2),
    ],
)
def test_a_pool_to_any_size_is_pools_and_means(
    sizes: tuple[int, int], target: tuple[int, int], pools: int, tmp_path: Path
) -> None:
    model = adaptive(sizes, target)
    lowered = agrees(model, image(2, sizes))
    assert kinds(lowered).count("AvgPool") == pools
    agrees_in_tflite(model, tmp_path, [image(1, sizes)], [image(4, sizes)])


def test_an_image_without_a_batch_is_means_of_slices(tmp_path: Path) -> None:
    model = adaptive((7, 5), (3, 2), lead=(4,))
    x = RNG.standard_normal((4, 7, 5)).astype(np.float32)
    assert "Mean" in kinds(agrees(model, x))
    agrees_in_tflite(model, tmp_path, [x])


def test_a_sum_that_lacks_a_term_is_no_pool() -> None:
    model = adaptive((13, 11), (3, 3), slice(0, -1))
    assert "AvgPool" not in kinds(agrees(model, image(2, (13, 11))))


def test_counts_along_the_channels_are_no_pool() -> None:
    model = adaptive((13, 11), (3, 3))
    counts = next(w for w in model.graph.initializer if w.name == model.graph.node[-1].input[1])
    by_channel = np.arange(1, 4, dtype=np.float32).reshape(3, 1, 1) * numpy_helper.to_array(counts)
    counts.CopyFrom(numpy_helper.from_array(by_channel, counts.name))
    assert "AvgPool" not in kinds(agrees(model, image(2, (13, 11))))
