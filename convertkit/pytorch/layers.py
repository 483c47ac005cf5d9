"""`nn` layers from the arguments of `aten` operators. Runs in a worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

aten = torch.ops.aten

Build = Callable[[dict[str, Any], fx.Node], nn.Module | None]
"""From an operator's arguments, tensors among them, and its input's node; None where no layer does it."""

CONVOLUTIONS: dict[Any, type[nn.Module]] = {
    aten.conv1d.default: nn.Conv1d,
    aten.conv1d.padding: nn.Conv1d,
    aten.conv2d.default: nn.Conv2d,
    aten.conv2d.padding: nn.Conv2d,
    aten.conv3d.default: nn.Conv3d,
    aten.conv3d.padding: nn.Conv3d,
    aten.conv_transpose1d.default: nn.ConvTranspose1d,
    aten.conv_transpose2d.input: nn.ConvTranspose2d,
    aten.conv_transpose3d.input: nn.ConvTranspose3d,
}
BATCH_NORMS = {3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


def with_weights(layer: nn.Module, **tensors: Any) -> nn.Module:
    """The layer with these tensors as its parameters and buffers."""
    for name, tensor in tensors.items():
        if tensor is not None:
            target = getattr(layer, name)
            fresh = nn.Parameter(tensor.detach()) if isinstance(target, nn.Parameter) else tensor
            setattr(layer, name, fresh)
    return layer


def linear(values: dict[str, Any], data: fx.Node) -> nn.Module:
    """`nn.Linear`."""
    outputs, inputs = values["weight"].shape
    layer = nn.Linear(inputs, outputs, bias=values["bias"] is not None, device="meta")
    return with_weights(layer, weight=values["weight"], bias=values["bias"])


def convolution(kind: type[nn.Module]) -> Build:
    """A builder of convolutions of one rank."""

    def build(values: dict[str, Any], data: fx.Node) -> nn.Module | None:
        weight, groups = values["weight"], values["groups"]
        rank = weight.dim() - 2
        first, second = weight.shape[:2]
        sizes = {
            name: spread(values[name], rank)
            for name in ("stride", "padding", "output_padding", "dilation")
            if name in values and not isinstance(values[name], str)
        }
        if isinstance(values["padding"], str):
            padding = padding_in_numbers(values["padding"], tuple(weight.shape[2:]), sizes["dilation"])
            if padding is None:
                return None
            sizes["padding"] = padding
        channels = (first, second * groups) if "output_padding" in values else (second * groups, first)
        layer = kind(
            *channels,
            tuple(weight.shape[2:]),
            **sizes,
            groups=groups,
            bias=values["bias"] is not None,
            device="meta",
        )
        return with_weights(layer, weight=weight, bias=values["bias"])

    return build


def padding_in_numbers(
    word: str, kernel: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[int, ...] | None:
    """`same` or `valid` as what quantized convolutions take; None where `same` is uneven."""
    totals = [step * (size - 1) if word == "same" else 0 for size, step in zip(kernel, dilation, strict=True)]
    return None if any(total % 2 for total in totals) else tuple(total // 2 for total in totals)


def spread(sizes: Any, rank: int) -> tuple[int, ...]:
    """One size an axis: operators take one number for all."""
    values = tuple(sizes) if isinstance(sizes, list | tuple) else (sizes,)
    return values * rank if len(values) == 1 else values


def batch_norm(values: dict[str, Any], data: fx.Node) -> nn.Module | None:
    """`nn.BatchNorm1d`, `2d` or `3d` by the rank of its input; None where it learns while it runs."""
    seen = data.meta["val"]
    kind = BATCH_NORMS.get(seen.dim(), nn.BatchNorm1d)
    if values["training"] or values["running_mean"] is None:
        return None
    layer = kind(len(values["running_mean"]), eps=values["eps"])
    names = ("weight", "bias", "running_mean", "running_var")
    return with_weights(layer, **{name: values[name] for name in names})


def layer_norm(values: dict[str, Any], data: fx.Node) -> nn.Module:
    """`nn.LayerNorm`."""
    layer = nn.LayerNorm(values["normalized_shape"], eps=values["eps"], bias=values["bias"] is not None)
    return with_weights(layer, weight=values["weight"], bias=values["bias"])


def embedding(values: dict[str, Any], data: fx.Node) -> nn.Module:
    """`nn.Embedding`."""
    count, width = values["weight"].shape
    return with_weights(nn.Embedding(count, width, device="meta"), weight=values["weight"])


LAYERS: dict[Any, Build] = {
    aten.linear.default: linear,
    aten.batch_norm.default: batch_norm,
    aten.layer_norm.default: layer_norm,
    aten.embedding.default: embedding,
    **{operator: convolution(kind) for operator, kind in CONVOLUTIONS.items()},
}
