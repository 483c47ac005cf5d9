"""Other forms of ReLU as `functional.relu`, which torch.ao fuses into what it reads. Runs in a worker.

torch.ao computes `torch.relu` in float between two roundings, and gives `Tensor.relu` a range of which it
throws the lower half away.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

FUSED_INTO = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d),
)
ADDITIONS: tuple[Any, ...] = (torch.add, operator.add)


def with_functional_relus(model: nn.Module) -> nn.Module:
    """The model traced, with that function in place of the others; itself where that changes nothing."""
    try:
        traced = fx.symbolic_trace(model)
    except Exception:  # whatever the tracer met, it is the caller's to say
        return model
    found = [node for node in traced.graph.nodes if is_other_relu(node, traced)]
    for node in found:
        node.op, node.target = "call_function", functional.relu
    traced.recompile()
    return traced if found else model


def is_other_relu(node: fx.Node, traced: fx.GraphModule) -> bool:
    """True for a ReLU in a form that is not fused, though it could be."""
    if len(node.args) != 1 or node.kwargs:
        return False
    if node.op == "call_function":
        return node.target is torch.relu
    return node.op == "call_method" and node.target == "relu" and is_fusible(node.args[0], traced)


def is_fusible(before: Any, traced: fx.GraphModule) -> bool:
    """True where a ReLU can be part of what gives its input."""
    if not isinstance(before, fx.Node):
        return False
    if before.op == "call_module":
        return type(traced.get_submodule(str(before.target))) in FUSED_INTO
    return before.op == "call_function" and before.target in ADDITIONS
