"""The nodes of a graph and of the graphs inside it: which are needed, and what they read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import onnx


def needed(nodes: Sequence[onnx.NodeProto], wanted: Iterable[str]) -> list[onnx.NodeProto]:
    """The nodes that the wanted names depend on, in order."""
    names = set(wanted)
    kept = []
    for node in reversed(nodes):
        if names.intersection(node.output):
            kept.append(node)
            names.update(node.input)
            for graph in subgraphs(node):
                names.update(names_used(graph))
    return kept[::-1]


def subgraphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs in a node's attributes."""
    return [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]


def names_used(graph: onnx.GraphProto) -> set[str]:
    """Every name that a graph or a graph inside it reads."""
    names = {output.name for output in graph.output}
    for node in graph.node:
        names.update(node.input)
        for inner in subgraphs(node):
            names |= names_used(inner)
    return names


def walk(graph: onnx.GraphProto, visit: Callable[[onnx.NodeProto], None]) -> None:
    """Visit every node of a graph and of the graphs inside it."""
    for node in graph.node:
        visit(node)
        for inner in subgraphs(node):
            walk(inner, visit)
