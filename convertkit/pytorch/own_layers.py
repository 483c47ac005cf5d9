"""Layers of classes derived from PyTorch's own; quantization goes by the exact class. Runs in a worker."""

from __future__ import annotations

from torch import Tensor, nn

BASES: tuple[type[nn.Module], ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
BEHAVIOUR = ("forward", "_conv_forward", "__call__", "_call_impl", "__getattr__", "weight", "bias")


def settle_classes(model: nn.Module) -> None:
    """Make layers of derived classes that compute what their base does layers of the base, in place."""
    for layer in model.modules():
        base = base_of(layer)
        if base is not None and computes_as(type(layer), base):
            layer.__class__ = base


def has_own_layers(model: nn.Module, ranks: tuple[int, ...]) -> bool:
    """True where a layer with a weight of one of these ranks has a derived class."""
    own = [layer.weight for layer in model.modules() if base_of(layer) is not None]
    return any(isinstance(weight, Tensor) and weight.dim() in ranks for weight in own)


def base_of(layer: nn.Module) -> type[nn.Module] | None:
    """PyTorch's own class that a layer's class is derived from; None where it is PyTorch's itself."""
    if type(layer).__module__.startswith("torch."):
        return None
    return next((base for base in BASES if isinstance(layer, base)), None)


def computes_as(kind: type[nn.Module], base: type[nn.Module]) -> bool:
    """True where a derived class calls and reads its weights as the base does."""
    return all(getattr(kind, name, None) is getattr(base, name, None) for name in BEHAVIOUR)
