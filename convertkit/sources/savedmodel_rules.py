"""The rules that a SavedModel's graph is held to: which operators stand where, which files it names.

TensorFlow loads the whole function library, runs initializers while loading, folds constants in functions
that nothing calls, and exchanges functions by name and attribute. So every operator of every function counts,
called or not: it is on the list of allowed ones, or it is one of these four:

* SaveV2 and MergeV2Checkpoints, where only the saver's saving part leads to them: no loader runs that part.
* RestoreV2, where only its restoring part leads to it and its path is the one that the loader gives.
* InitializeTableFromTextFileV2, where its path is an asset's.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

from convertkit.sources.savedmodel_graph import Function, MetaGraph, Node
from convertkit.sources.savedmodel_paths import Origin, Paths
from convertkit.sources.savedmodel_saver import Part, Saver
from convertkit.sources.wording import listed, quoted, words

SHOWN_PLACES = 4
SAVING = words("SaveV2 MergeV2Checkpoints")
OUTPUT_STREAMS = {"stderr", "stdout", "log(info)", "log(warning)", "log(error)"}


@cache
def listed_operators() -> dict[str, bool]:
    """Every operator of TensorFlow, and whether it is allowed anywhere."""
    text = files("convertkit.sources").joinpath("tensorflow_operators.txt").read_text(encoding="ascii")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {name: sign == "+" for sign, name in lines}


def refusals_of(graph: MetaGraph) -> tuple[str, ...]:
    """Reasons to refuse a graph; () where there is none."""
    found = Operators(graph).refused()
    reasons = [f"{place} uses {listed(operators)}" for place, operators in list(found.items())[:SHOWN_PLACES]]
    if len(found) > SHOWN_PLACES:
        reasons.append(f"{len(found) - SHOWN_PLACES} more functions do")
    if odd := [name for name in graph.functions if name in listed_operators()]:
        reasons.append(f"functions of it are named like operators: {listed(odd)}")
    if outside := [name for _, name in graph.assets if not is_inside(name)]:
        reasons.append(f"assets of it lie outside: {listed(outside)}")
    return tuple(reasons)


def is_inside(name: str) -> bool:
    """True for the name of a file in the folder of assets."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name


class Operators:
    """Judges the operators of one graph."""

    def __init__(self, graph: MetaGraph) -> None:
        self.graph = graph
        self._saver = Saver(graph)
        self._paths = Paths(graph)

    def refused(self) -> dict[str, list[str]]:
        """Where → names of the operators that may not stand there."""
        found: dict[str, list[str]] = {}
        for function, node in self._nodes():
            if not self._is_allowed(function, node):
                place = f"function {quoted(function.name)}" if function else "its graph"
                found.setdefault(place, []).append(node.op)
        return found

    def _nodes(self) -> Iterator[tuple[Function | None, Node]]:
        """Every node, and the function that it stands in."""
        for node in self.graph.nodes.values():
            yield None, node
        for function in self.graph.functions.values():
            for node in function.nodes.values():
                yield function, node

    def _is_allowed(self, function: Function | None, node: Node) -> bool:
        """True where the operator may stand."""
        is_listed = listed_operators().get(node.op)
        if node.op == "PrintV2":
            return OUTPUT_STREAMS.issuperset(self.graph.attribute(node, "output_stream"))
        if is_listed is None:
            return node.op in self.graph.functions
        return is_listed or self._is_allowed_here(function, node)

    def _is_allowed_here(self, function: Function | None, node: Node) -> bool:
        """True for the operators that may stand in some places, in these."""
        if node.op in SAVING:
            return self._saver.part_of(function or node) is Part.SAVING
        if node.op == "RestoreV2":
            is_saver = self._saver.part_of(function or node) is Part.RESTORING
            return is_saver and self._comes_from(function, node, 0, Origin.CHECKPOINT)
        if node.op == "InitializeTableFromTextFileV2":
            return self._comes_from(function, node, 1, Origin.ASSET)
        return False

    def _comes_from(self, function: Function | None, node: Node, index: int, origin: Origin) -> bool:
        """True where an input comes from there, and from nowhere else."""
        inputs = node.data_inputs[index : index + 1]
        return bool(inputs) and self._paths.origins(function, inputs[0]) == {origin}
