"""An exported program as a plain function of its inputs, for timing: without checks and look-ups."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch

from convertkit.pytorch.load import Module
from convertkit.pytorch.outputs import flatten_outputs

GUARDS = "_guards_fn"  # the module that torch.export calls to check shapes
Forward = Callable[..., object]


def fastest_form(model: Module, inputs: Sequence[torch.Tensor]) -> Forward:
    """The model as its author would call it: an exported program without its checks, where that is the same.

    `ExportedProgram.module()` checks every shape and looks every weight up by its path in each call, which
    takes longer than a small model does. Other models are called as they are.
    """
    if not isinstance(model, torch.fx.GraphModule):
        return model
    function = unchecked(model)
    try:
        with torch.inference_mode():
            is_same = same_values(flatten_outputs(function(*inputs)), flatten_outputs(model(*inputs)))
    except Exception:  # inputs that are nested or by keyword: only the program itself can take them apart
        return model
    return function if is_same else model


def unchecked(model: torch.fx.GraphModule) -> Forward:
    """The graph with its weights bound as arguments, and no call of its guards."""
    graph = torch.fx.Graph()
    graph.output(graph.graph_copy(model.graph, {}))
    values: list[Any] = []
    for node in list(graph.nodes):
        if node.op == "call_module" and node.target == GUARDS:
            graph.erase_node(node)
        if node.op == "get_attr":
            values.insert(0, operator.attrgetter(str(node.target))(model))
            with graph.inserting_before():  # at the front: the last one becomes the first argument
                argument = graph.placeholder(f"state_{len(values)}")
            node.replace_all_uses_with(argument)
            graph.erase_node(node)
    return functools.partial(torch.fx.GraphModule(model, graph).forward, *values)


def same_values(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """True where both hold the same tensors in the same order, whatever they are called."""
    pairs = zip(one.values(), other.values(), strict=False)
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in pairs)
