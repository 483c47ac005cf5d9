"""Where the path comes from that an operator of a SavedModel reads: its loader, an asset, or elsewhere.

A path is followed backwards: through Identity, from a function's argument to what every caller passes, and,
for an asset, through the variable that TensorFlow keeps its path in.
"""

from __future__ import annotations

from enum import Enum
from functools import cached_property

from convertkit.sources.protobuf_wire import Found
from convertkit.sources.savedmodel_graph import Function, MetaGraph, Node
from convertkit.sources.savedmodel_names import node_name

CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
# Nodes of one output, which a loader can give a value in place of their own.
FED = {"Const", "Placeholder", "PlaceholderWithDefault"}
ASSET_VARIABLE_USERS = {"VarIsInitializedOp", "ReadVariableOp", "AssignVariableOp"}


class Origin(Enum):
    """Where a path comes from."""

    CHECKPOINT = "checkpoint"
    ASSET = "asset"
    ELSEWHERE = "elsewhere"


Step = tuple[Function | None, str]


class Paths:
    """Follows paths in one graph."""

    def __init__(self, graph: MetaGraph) -> None:
        self.graph = graph
        # What a signature reaches it also runs without the loader's path: the node's own value would be read.
        self._assets = {node for node, _ in graph.assets} - graph.ancestors(graph.signatures)

    def origins(self, scope: Function | None, reference: str) -> set[Origin]:
        """All the places that an input comes from; empty where nothing leads to it.

        Args:
            scope: the function that the input stands in; None for the main graph.
            reference: the input.
        """
        found: set[Origin] = set()
        waiting: list[Step] = [(scope, reference)]
        seen: set[tuple[str, str]] = set()
        while waiting:
            scope, reference = waiting.pop()
            key = (scope.name if scope else "", reference)
            if key not in seen:
                seen.add(key)
                steps = self._steps(scope, reference)
                found.update(step for step in steps if isinstance(step, Origin))
                waiting += [step for step in steps if not isinstance(step, Origin)]
        return found

    def _steps(self, scope: Function | None, reference: str) -> list[Step | Origin]:
        """One step back."""
        name = node_name(reference)
        if scope is not None and name in scope.arguments:
            return self._passed(scope, scope.arguments.index(name))
        node = (scope.nodes if scope else self.graph.nodes).get(name)
        if node is not None and node.op == "Identity" and node.data_inputs:
            return [(scope, node.data_inputs[0])]
        if scope is None and node is not None and node.op == "ReadVariableOp":
            return self._assigned(node)
        if scope is None and node is not None and node.op in FED:
            return [self._given(name)]
        return [Origin.ELSEWHERE]

    def _given(self, name: str) -> Origin:
        """What the loader gives a node of the main graph."""
        if name == self.graph.filename:
            return Origin.CHECKPOINT
        return Origin.ASSET if name in self._assets else Origin.ELSEWHERE

    def _passed(self, function: Function, index: int) -> list[Step | Origin]:
        """What callers pass as one argument of a function."""
        steps: list[Step | Origin] = []
        for position in self.graph.mentions(function.name):
            place = self.graph.place_of(position)
            scope = place if isinstance(place, Function) else None
            node = scope.node_at(position) if scope else place
            if isinstance(node, Node):
                is_call = node.op in CALLS or node.op == function.name
                passed = node.data_inputs[index : index + 1] if is_call else []
                steps.append((scope, passed[0]) if passed else Origin.ELSEWHERE)
            elif scope != function:
                steps.append(self._bound(function, index) if self._is_object(position) else Origin.ELSEWHERE)
        return steps

    def _assigned(self, read: Node) -> list[Step | Origin]:
        """What the variable holds that a node reads, if one node of the main graph alone can write it."""
        handles = [self.graph.nodes.get(node_name(name)) for name in read.data_inputs]
        if len(handles) != 1 or handles[0] is None or handles[0].op != "VarHandleOp":
            return [Origin.ELSEWHERE]
        users = [
            node for node in self.graph.nodes.values() if handles[0].name in map(node_name, node.data_inputs)
        ]
        writers = [node for node in users if node.op == "AssignVariableOp" and len(node.data_inputs) == 2]
        is_private = {node.op for node in users} <= ASSET_VARIABLE_USERS and self._is_only(handles[0])
        return [(None, writers[0].data_inputs[1])] if is_private and len(writers) == 1 else [Origin.ELSEWHERE]

    def _is_only(self, handle: Node) -> bool:
        """True where no other handle in the file is to the same variable."""
        names = self.graph.attribute(handle, "shared_name")
        tables = [self.graph.nodes, *(function.nodes for function in self.graph.functions.values())]
        others = [
            name
            for table in tables
            for node in table.values()
            if node.op == "VarHandleOp" and node is not handle
            for name in self.graph.attribute(node, "shared_name") or [""]
        ]
        return len(names) == 1 and names[0] != "" and names[0] not in others

    def _is_object(self, position: int) -> bool:
        """True for a place in the object graph."""
        span = self.graph.objects
        return span is not None and span.start <= position < span.end

    def _bound(self, function: Function, index: int) -> Origin:
        """What the object graph binds to an argument: it binds the last ones."""
        bound = self._bindings.get(function.name, [])
        position = index - len(function.arguments) + len(bound)
        fits = len(bound) <= len(function.arguments) and 0 <= position < len(bound)
        is_asset = fits and bound[position] in self._asset_objects
        return Origin.ASSET if is_asset else Origin.ELSEWHERE

    @cached_property
    def _objects(self) -> Found:
        span = self.graph.objects
        return self.graph.reader.read(span, "SavedObjectGraph") if span else {}

    @cached_property
    def _bindings(self) -> dict[str, list[int]]:
        reader, bindings = self.graph.reader, dict[str, list[int]]()
        for entry in reader.each(self._objects, "concrete_functions", "ConcreteEntry"):
            name = reader.only(entry, "key")
            objects = reader.numbers(reader.one(entry, "value", "SavedConcreteFunction"), "bound_inputs")
            bindings[name] = [] if name in bindings else objects
        return bindings

    @cached_property
    def _asset_objects(self) -> set[int]:
        """Assets and nothing else: the loader sets children as attributes, and one could be the path."""
        objects = self.graph.reader.each(self._objects, "nodes", "SavedObject")
        return {index for index, found in enumerate(objects) if found.keys() == {"asset"}}
