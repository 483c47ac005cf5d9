"""Tables that are looked up in, brought to one range in every column; what is looked up is scaled back.

A table in 8 bits has one scale, which its widest column sets. In a graph with attention what is looked up is
added to in float, so a product with a factor of each column rounds nothing.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray

from convertkit.quantization.graph import Graph, attributes_of, is_number

ENOUGH = 0.8  # of the square of the steps as they are: 1 dB less


def equalize_tables(graph: Graph) -> int:
    """Scale the columns of tables where it helps, in place; how many tables."""
    done = 0
    for node in graph.nodes:
        if not is_lookup(graph, node):
            continue
        values = graph.constants[node.input[0]]
        reach = np.abs(values).max(axis=0).astype(np.float64)
        reach[reach == 0] = 1.0
        if float(np.square(reach).mean()) < ENOUGH * float(reach.max()) ** 2:
            factors = (reach / reach.max()).astype(np.float32)
            graph.replace(node.input[0], (values / factors).astype(np.float32))
            scale_back(graph, node, factors)
            done += 1
    return done


def is_lookup(graph: Graph, node: onnx.NodeProto) -> bool:
    """True for rows that are taken by computed numbers out of a table that nothing else reads."""
    if node.op_type != "Gather" or attributes_of(node).get("axis", 0) != 0:
        return False
    table, rows = node.input
    is_alone = is_number(graph.constants.get(table)) and graph.uses[table] == 1
    return is_alone and graph.constants[table].ndim == 2 and rows not in graph.constants


def scale_back(graph: Graph, node: onnx.NodeProto, factors: NDArray[np.float32]) -> None:
    """Multiply what is looked up, under the name that it had."""
    name = node.output[0]
    node.output[0] = graph.fresh(f"{name}.scaled")
    graph.follow(
        node, onnx.helper.make_node("Mul", [node.output[0], graph.add(f"{name}.factors", factors)], [name])
    )
