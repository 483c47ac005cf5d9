"""Which tensors only a run sizes."""

from __future__ import annotations

import pytest

from convertkit.delegates.dynamic import SIZED, dynamic_tensors
from convertkit.delegates.schema import OPERATORS
from tests.delegates.made import Drawn, graph, operator

t = Drawn()
X = t(1, 5, 8)
ZERO, ONE, TWO = (t.constant(value) for value in range(3))


def names(*graphs):
    return [[tensor.name for tensor in tensors] for tensors in dynamic_tensors(graphs)]


def batch_of(x):
    """The number of the batch, as converters take it."""
    shape, batch = t(3, type="int32"), t(type="int32")
    steps = [
        operator("SHAPE", [x], [shape]),
        operator("STRIDED_SLICE", [shape, ZERO, ONE, ONE], [batch], shrink_axis_mask=1),
    ]
    return steps, batch


def test_a_shape_that_is_taken_from_a_shape_is_known_before_the_run() -> None:
    steps, batch = batch_of(X)
    flat, made = t(1, type="int32"), t(4)
    assert names(
        graph(*steps, operator("RESHAPE", [batch, ONE], [flat]), operator("FILL", [flat, ZERO], [made]))
    ) == [[]]


def test_one_that_is_packed_is_not() -> None:
    steps, batch = batch_of(X)
    shape, made = t(2, type="int32"), t(1, 40)
    packed = operator("PACK", [batch, ZERO], [shape])
    assert names(graph(*steps, packed, operator("RESHAPE", [X, shape], [made]))) == [[made.name]]


@pytest.mark.parametrize("kind", ["RESHAPE", "TILE", "TRANSPOSE", "BROADCAST_TO", "MEAN", "PAD"])
def test_a_constant_parameter_sizes_its_output(kind) -> None:
    made, computed = t(4), t(2, type="int32")
    assert names(graph(operator(kind, [X, TWO], [made]))) == [[]]
    assert names(graph(operator(kind, [X, computed], [made]))) == [[made.name]]


def test_how_many_are_found_only_a_run_knows() -> None:
    made = t(4, type="int64")
    assert names(graph(operator("WHERE", [X], [made]))) == [[made.name]]


class TestLoops:
    @staticmethod
    def loop(*body, state):
        made = t(*state.shape)
        call = operator("WHILE", [state], [made], cond_graph=1, body_graph=2)
        condition = graph(operator("LESS", [state, ZERO], [t(type="bool")]))
        return made, [graph(call), condition, graph(*body)]

    def test_one_whose_body_knows_its_shapes(self) -> None:
        _, graphs = self.loop(operator("RELU", [X], [t(1, 5, 8)]), state=X)
        assert names(*graphs) == [[], [], []]

    def test_one_whose_body_gives_what_only_a_run_sizes(self) -> None:
        inner = t(1, 5, 8)
        made, graphs = self.loop(operator("RESHAPE", [X, t(3, type="int32")], [inner]), state=X)
        assert names(*graphs) == [[made.name], [], [inner.name]]

    def test_one_whose_body_gives_another_shape_behind_such_a_tensor(self) -> None:
        inner = t(1, 1, 8)
        body = [
            operator("RESHAPE", [X, t(3, type="int32")], [inner]),
            operator("RELU", [inner], [t(1, 1, 8)]),
        ]
        made, graphs = self.loop(*body, state=X)
        assert names(*graphs)[0] == [made.name]


def test_every_row_is_of_an_operator_that_there_is() -> None:
    assert SIZED.keys() <= set(OPERATORS)
