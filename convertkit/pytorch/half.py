"""PyTorch models in half precision: what they take, and the same in float32. Runs in a worker."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

from convertkit.errors import ConvertkitError
from convertkit.pytorch.casts import HALVES, cast_inputs, cast_node, placeholders
from convertkit.pytorch.load import Module
from convertkit.pytorch.outputs import run_once


def half_weights(model: Module) -> list[str]:
    """Half precisions among a model's parameters and buffers, the most frequent first."""
    if not isinstance(model, nn.Module):
        return []
    kinds = [HALVES[t.dtype] for t in (*model.parameters(), *model.buffers()) if t.dtype in HALVES]
    return sorted(set(kinds), key=lambda kind: -kinds.count(kind))


def casts_of(model: Module, arrays: list[Any], load: Callable[[], Module]) -> tuple[str, ...]:
    """The half precision that each input is to be cast to, empty for those taken as they are; or nothing.

    An exported program tells. Others are tried: where they do not run on what they are given, on all of its
    floats in the half precision of their weights.

    Args:
        load: loads the model anew.
    """
    if isinstance(model, fx.GraphModule):
        given = zip(placeholders(model), arrays, strict=False)
        casts = tuple(wanted_cast(node.meta.get("val"), array) for node, array in given)
        return casts if any(casts) else ()
    kinds = half_weights(model)
    if not kinds or runs(model, arrays):
        return ()
    for kind in kinds:
        casts = tuple(kind if array.dtype.kind == "f" else "" for array in arrays)
        fresh = load()
        cast_inputs(fresh, casts)
        if runs(fresh, arrays):
            return casts
    return ()


def wanted_cast(value: Any, array: Any) -> str:
    """The half precision of an input that the array does not have; empty where it does, or is no float."""
    wanted = HALVES.get(value.dtype, "") if isinstance(value, torch.Tensor) else ""
    return wanted if array.dtype.kind == "f" and array.dtype.name != wanted else ""


def runs(model: Module, arrays: list[Any]) -> bool:
    """True where the model runs on these inputs."""
    try:
        run_once(model, arrays)
    except ConvertkitError:
        return False
    return True


def widened(value: Any) -> Any:
    """float32 for a tensor or a type of half precision; anything else as it is."""
    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype in HALVES else value
    return torch.float32 if isinstance(value, torch.dtype) and value in HALVES else value


def widen_graph(model: fx.GraphModule) -> fx.GraphModule:
    """A graph that computes in float32 what it did in half precision, in place: weights, types, inputs."""
    model._apply(widened)
    for module in model.modules():
        for name, value in vars(module).items():  # constants are attributes, and no buffers
            if isinstance(value, torch.Tensor):
                setattr(module, name, widened(value))
    for node in model.graph.nodes:
        node.args = fx.node.map_aggregate(node.args, widened)
        node.kwargs = fx.node.map_aggregate(node.kwargs, widened)
    for node in placeholders(model):
        value = node.meta.get("val")
        if isinstance(value, torch.Tensor) and value.dtype in HALVES:
            cast_node(model.graph, node, torch.float32)
    model.recompile()
    return model


class InFloat32(TorchDispatchMode):
    """Runs every operator in float32 that was asked for half precision."""

    supports_higher_order_operators = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The operator's result, in float32 where it would be half precision."""
        args, kwargs = _pytree.tree_map(widened, (args, kwargs or {}))
        return func(*args, **kwargs)


class Float32Model:
    """A model in half precision, run in float32; its weights are widened in place.

    It shows how far the source's own rounding goes, not what any artifact computes.
    """

    def __init__(self, model: Module) -> None:
        self._model = model
        if isinstance(model, nn.Module):
            with contextlib.suppress(RuntimeError):  # what cannot be widened in place is in every call
                model._apply(widened)

    def __call__(self, *inputs: torch.Tensor) -> Any:
        """The outputs for these inputs."""
        with InFloat32():
            return self._model(*map(widened, inputs))
