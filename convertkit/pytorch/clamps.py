"""Calibration of layers whose output a clamp alone reads, as ReLU6 does. Runs in a worker.

torch.ao gives a clamp the scale of what it reads: that of a convolution's whole range, of which [0, 6] may be
a fraction. While calibration runs, such a layer's output is clamped already: the clamp that follows stays, so
the outputs are the same, and the scale is that of what is left. Integers of 8 bits saturate at the ends of
that range: afterwards the clamp does nothing, but for half a step, and can go. With `reduce_range` they do
not: that sets the scale by 7 bits of a type that has 8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx, nn
from torch.ao.quantization import observer
from torch.nn import functional

Clamp = tuple[float, float]
LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
RELU6: Clamp = (0.0, 6.0)


@contextmanager
def clamped_early(prepared: fx.GraphModule) -> Iterator[None]:
    """While it lasts, layers read by a clamp alone give what the clamp would leave.

    Args:
        prepared: a model with observers, of which that of the layer's output stands before the clamp.
    """
    handles = [
        prepared.get_submodule(path).register_forward_hook(clamping(*ends))
        for path, ends in clamped_layers(prepared).items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def drop_clamps(prepared: fx.GraphModule) -> None:
    """Take out the clamps that alone read a layer, in place, once that is calibrated in 8 bits.

    One that leaves out zero stays: every range of integers has it.
    """
    parts = dict(prepared.named_modules(remove_duplicate=False))
    for path in [path for path, (low, high) in clamped_layers(prepared).items() if low <= 0 <= high]:
        layer = next(node for node in prepared.graph.nodes if node.target == path)
        (watching,) = layer.users
        (clamp,) = watching.users
        for after in list(clamp.users):
            if after.op == "call_module" and parts[str(after.target)] is parts[str(watching.target)]:
                replace(after, watching)  # it shares the layer's observer
        replace(clamp, watching)
    prepared.recompile()


def replace(node: fx.Node, other: fx.Node) -> None:
    """Have another node's value wherever a node's was read."""
    node.replace_all_uses_with(other)
    node.graph.erase_node(node)


def clamping(low: float, high: float) -> Any:
    """A hook that clamps a module's output."""

    def clamp(module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        return output.clamp(low, high)

    return clamp


def clamped_layers(prepared: fx.GraphModule) -> dict[str, Clamp]:
    """Paths of the layers that are called once and read by one clamp alone, with its ends."""
    parts = dict(prepared.named_modules(remove_duplicate=False))
    calls = Counter(str(node.target) for node in prepared.graph.nodes if node.op == "call_module")
    found: dict[str, Clamp] = {}
    for node in prepared.graph.nodes:
        ends, path = clamp_of(node, parts), layer_before(node, parts)
        if ends is not None and path and calls[path] == 1:
            found[path] = ends
    return found


def clamp_of(node: fx.Node, parts: dict[str, nn.Module]) -> Clamp | None:
    """The ends of a clamp; None where the node is none, or its ends are not plain numbers."""
    if node.op == "call_module":
        module = parts[str(node.target)]
        return (module.min_val, module.max_val) if isinstance(module, nn.Hardtanh) else None
    if node.op != "call_function":
        return None
    if node.target is functional.relu6:
        return RELU6
    if node.target is not functional.hardtanh:
        return None
    given = dict(zip(("input", "min_val", "max_val"), node.args, strict=False)) | dict(node.kwargs)
    low, high = given.get("min_val", -1.0), given.get("max_val", 1.0)
    return (low, high) if isinstance(low, int | float) and isinstance(high, int | float) else None


def layer_before(node: fx.Node, parts: dict[str, nn.Module]) -> str:
    """Path of the layer whose observed output this node alone reads; empty where there is none."""
    watching = module_before(node)
    layer = module_before(watching) if watching is not None else None
    if watching is None or layer is None:
        return ""
    is_watched = isinstance(parts[str(watching.target)], observer.ObserverBase)
    return str(layer.target) if is_watched and isinstance(parts[str(layer.target)], LAYERS) else ""


def module_before(node: fx.Node) -> fx.Node | None:
    """The call of a module whose output this node alone reads as its first argument; None for others."""
    before = node.args[0] if node.args else None
    if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) != 1:
        return None
    return before
