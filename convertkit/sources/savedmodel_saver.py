"""Which parts of a SavedModel's graph belong to its saver alone.

The saver is what `saver_def` names. Loaders in C++ (TFLiteConverter, TensorFlow Serving) run its restoring
part with the path of the checkpoint; nothing runs its saving part unless asked to. A part is the saver's
alone where no signature, collection, function or object leads to it in any other way. For functions that is
told by their names: wherever the bytes of a name stand in the file, whatever they mean there, is a way to it.
"""

from __future__ import annotations

from enum import Enum

from convertkit.sources.savedmodel_graph import Function, MetaGraph, Node

# grappler exchanges functions that claim, by this attribute, to do the same.
EXCHANGEABLE = b"implements"


class Part(Enum):
    """Who leads to a node or function."""

    SAVING = "saving"
    RESTORING = "restoring"
    MODEL = "model"


class Saver:
    """Tells the parts of one graph."""

    def __init__(self, graph: MetaGraph) -> None:
        self.graph = graph
        restoring = graph.ancestors([graph.restore])
        saving = graph.ancestors([graph.save]) - restoring
        rest = graph.nodes.keys() - restoring - saving
        model = graph.ancestors(rest | graph.signatures | graph.initializer | graph.collections)
        self._nodes = {
            **dict.fromkeys(saving, Part.SAVING),
            **dict.fromkeys(restoring, Part.RESTORING),
            **dict.fromkeys(model, Part.MODEL),
        }

    def part_of(self, place: Node | Function) -> Part:
        """The part that a node of the main graph, or a function, belongs to."""
        if isinstance(place, Node):
            return self._nodes[place.name]
        found: set[Part] = set()
        waiting, seen = [place], {place.name}
        while waiting and Part.MODEL not in found:
            function = waiting.pop()
            if next(self.graph.reader.positions(EXCHANGEABLE, function.span), None) is not None:
                return Part.MODEL
            for position in self.graph.mentions(function.name):
                holder = self.graph.place_of(position)
                if not isinstance(holder, Function):
                    found.add(Part.MODEL if holder is None else self._nodes[holder.name])
                elif holder.name not in seen:
                    seen.add(holder.name)
                    waiting.append(holder)
                if Part.MODEL in found:
                    break
        return found.pop() if len(found) == 1 else Part.MODEL
