"""An `If` together with nodes that follow it, taken into both of its branches. ONNX alone.

Branches may differ in rank, which no tensor of TensorFlow can; what each consumer makes of either may well
have one rank again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import onnx

from convertkit.lowering.nodes import names_used, subgraphs

Nodes = list[onnx.NodeProto]


def followers(nodes: Sequence[onnx.NodeProto], names: Iterable[str]) -> tuple[Nodes, Nodes]:
    """The nodes that depend on any of these names, and the others, each in order."""
    reached = set(names) - {""}
    after: Nodes = []
    others: Nodes = []
    for node in nodes:
        if reached & read_by(node):
            after.append(node)
            reached.update(node.output)
        else:
            others.append(node)
    return after, others


def widened(
    node: onnx.NodeProto, after: Sequence[onnx.NodeProto], wanted: Iterable[str]
) -> Iterator[tuple[onnx.NodeProto, Nodes]]:
    """The `If` with one follower in its branches, with two, four, … all; and the followers left behind it.

    Args:
        after: all nodes that depend on it, in order.
        wanted: names that have to be there in the end.
    """
    count = 1
    while after:
        taken, rest = after[:count], list(after[count:])
        read = set(wanted).union(*(read_by(each) for each in rest))
        made = [name for each in (node, *taken) for name in each.output if name in read]
        yield with_followers(node, taken, made), rest
        if not rest:
            return
        count *= 2


def with_followers(
    node: onnx.NodeProto, taken: Sequence[onnx.NodeProto], outputs: Sequence[str]
) -> onnx.NodeProto:
    """The `If` whose branches go on with the taken nodes, and give these outputs."""
    whole = onnx.NodeProto()
    whole.CopyFrom(node)
    for graph in subgraphs(whole):
        pairs = zip(graph.output, node.output, strict=True)
        ends = [onnx.helper.make_node("Identity", [inner.name], [outer]) for inner, outer in pairs if outer]
        graph.node.extend([*ends, *taken])
        del graph.output[:]
        graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    del whole.output[:]
    whole.output.extend(outputs)
    return whole


def read_by(node: onnx.NodeProto) -> set[str]:
    """The names that a node and the graphs inside it read."""
    return set(node.input).union(*(names_used(graph) for graph in subgraphs(node)))
