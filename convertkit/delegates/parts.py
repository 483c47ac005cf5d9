"""Into how many parts a delegate's share of a graph falls: each is handed over, and back, on its own.

Source: `PartitionGraphIntoIndependentNodeSubsets` (`tflite/graph_info.cc`) of LiteRT: as many operators of
one side as are ready, then as many of the other.
"""

from __future__ import annotations

from collections.abc import Set

from convertkit.delegates.graph import Graph


def count_parts(graph: Graph, taken: Set[int]) -> int:
    """How many parts a delegate gets of a graph.

    Args:
        taken: places of the operators that it takes.
    """
    open_ones, made, parts = list(range(len(graph.operators))), set[int](), 0
    while open_ones:
        side: bool | None = None
        left: list[int] = []
        for at in open_ones:
            inputs = {tensor.place for tensor in graph.operators[at].given}
            is_ready = all(place in made or place not in graph.producers for place in inputs)
            side = at in taken if is_ready and side is None else side
            if is_ready and (at in taken) is side:
                made |= {tensor.place for tensor in graph.operators[at].outputs}
            else:
                left.append(at)
        if side is None:
            return parts  # an operator that takes what nothing gives
        parts += bool(side)
        open_ones = left
    return parts
