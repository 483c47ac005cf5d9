"""A prepared FX graph run node by node on all calls, its observers left alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import fx
from torch.ao.quantization import observer

from convertkit.quantization.calls import fitting

Call = tuple[torch.Tensor, ...]


class Unobserved(fx.Interpreter):
    """Runs a graph as if it had no observers."""

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        """What a module gives; an observer what it is given."""
        if isinstance(self.fetch_attr(target), observer.ObserverBase):
            return args[0]
        return super().call_module(target, args, kwargs)


class Walk(Unobserved):
    """Calls that stand at the same node of the graph.

    Attributes:
        calls: for each call the values that are still needed.
    """

    def __init__(self, prepared: fx.GraphModule, calls: Sequence[Call]) -> None:
        super().__init__(prepared)
        self._given = [iter([each.clone() for each in call]) for call in calls]
        self._last = {read: node for node in prepared.graph.nodes for read in node.all_input_nodes}
        self.calls: list[dict[fx.Node, Any]] = [{} for _ in calls]

    def run_all(self, node: fx.Node) -> None:
        """Run a node in every call."""
        self.give(node, (self.run_in(number, node) for number in range(len(self.calls))))

    def run_in(self, number: int, node: fx.Node) -> Any:
        """What a node gives in one call."""
        self.env, self.args_iter = self.calls[number], self._given[number]
        return self.run_node(node)

    def give(self, node: fx.Node, values: Iterator[Any]) -> None:
        """Keep a node's value of every call, and drop what no later one reads; calls too that do not fit."""
        spent = [read for read in node.all_input_nodes if self._last[read] is node]
        done = 0
        while done < len(self.calls):
            call = self.calls[done]
            call[node] = next(values)
            for read in spent:
                del call[read]
            if done == 0:
                del self.calls[fitting(bytes_of(call), len(self.calls)) :]
            done += 1


def bytes_of(call: dict[fx.Node, Any]) -> int:
    """Memory that the tensors of a call take, those that share it once."""
    storages = [value.untyped_storage() for value in call.values() if isinstance(value, torch.Tensor)]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())
