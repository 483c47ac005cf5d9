"""Inputs of half precision that are given in another type: cast within the model. Runs in a worker.

NumPy has no bfloat16, and samples are mostly float32. The cast is part of the model, so that exporters and
whoever watches it see the operators behind it as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import fx, nn

HALVES = {torch.float16: "float16", torch.bfloat16: "bfloat16"}


def edge_type(dtype: torch.dtype) -> str:
    """NumPy name of the type in which a tensor comes in and goes out: float32 for bfloat16."""
    return "float32" if dtype == torch.bfloat16 else str(dtype).removeprefix("torch.")


def to_numpy(value: torch.Tensor) -> Any:
    """A tensor as an array of its edge type."""
    value = value.detach().cpu()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()


def cast_inputs(model: Any, casts: Sequence[str]) -> None:
    """Have a model cast its inputs: in its graph where it has one, else by a hook; in place.

    Args:
        model: TorchScript must not have run yet: what it compiles for its inputs stays.
        casts: the type of each input; empty for one that is taken as it is.
    """
    if not any(casts):
        return
    if isinstance(model, torch.jit.ScriptModule):
        cast_in_script(model.forward.graph, casts)  # type: ignore[attr-defined]
    elif isinstance(model, fx.GraphModule):
        for node, kind in zip(placeholders(model), casts, strict=False):
            if kind:
                cast_node(model.graph, node, getattr(torch, kind))
        model.recompile()
    elif isinstance(model, nn.Module):
        model.register_forward_pre_hook(InputCast(casts))


def placeholders(model: fx.GraphModule) -> list[fx.Node]:
    """The nodes of a graph's inputs."""
    return [node for node in model.graph.nodes if node.op == "placeholder"]


def cast_node(graph: fx.Graph, node: fx.Node, dtype: torch.dtype) -> None:
    """Put a conversion behind a node, for all who use it."""
    with graph.inserting_after(node):
        made = graph.call_function(torch.ops.aten._to_copy.default, (node,), {"dtype": dtype})
    node.replace_all_uses_with(made, delete_user_cb=lambda user: user is not made)


def cast_in_script(graph: Any, casts: Sequence[str]) -> None:
    """Put a conversion behind each of these inputs of a TorchScript graph, whose first one is the module."""
    first = next(iter(graph.nodes()))
    for value, kind in zip(list(graph.inputs())[1:], casts, strict=False):
        if not kind:
            continue
        graph.setInsertPoint(first)
        dtype, no, nothing = (graph.insertConstant(x) for x in (getattr(torch, kind), False, None))
        made = graph.insertNode(graph.create("aten::to", [value, dtype, no, no, nothing], 1))
        made.output().setType(value.type())
        value.replaceAllUsesAfterNodeWith(made, made.output())


class InputCast:
    """A forward pre-hook that casts positional inputs."""

    def __init__(self, casts: Sequence[str]) -> None:
        self._casts = tuple(casts)

    def __call__(self, model: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs, cast; those beyond the known ones as they are."""
        kinds = (*self._casts, *[""] * len(inputs))
        pairs = zip(inputs, kinds, strict=False)
        return tuple(value.to(getattr(torch, kind)) if kind else value for value, kind in pairs)
