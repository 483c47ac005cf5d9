"""Layers of a prepared FX graph that become integer ones: weights as rows, inputs as columns."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
import torch
from torch import fx, nn
from torch.ao.quantization import observer

from convertkit.quantization.grid import Matrix
from convertkit.quantization.windows import Columns, Window, product_columns, window_columns

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NO_REST = nn.Identity()


class FxLayer(NamedTuple):
    """A call of a convolution or a linear layer.

    Attributes:
        node: the call.
        module: the layer itself, which is changed in place.
        rest: what is fused behind it: ReLU.
    """

    node: fx.Node
    module: nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear
    rest: nn.Module

    @property
    def given(self) -> fx.Node:
        """What it reads."""
        node = self.node.args[0]
        assert isinstance(node, fx.Node)
        return node

    @property
    def channel_axis(self) -> int:
        """Axis of the channels of its output."""
        return -1 if isinstance(self.module, nn.Linear) else 1 - self.module.weight.dim()

    @property
    def groups(self) -> int:
        """Parts of the channels that know nothing of each other."""
        return 1 if isinstance(self.module, nn.Linear) else self.module.groups


def find_layers(prepared: fx.GraphModule) -> list[FxLayer]:
    """The layers that become integer ones, in the order of execution.

    Weights that several calls share are left out: what suits one would not suit the others.
    """
    found = [layer for node in prepared.graph.nodes if (layer := layer_of(node, prepared)) is not None]
    shared = Counter(id(layer.module.weight) for layer in found)
    return [layer for layer in found if shared[id(layer.module.weight)] == 1 and is_watched(layer, prepared)]


def layer_of(node: fx.Node, prepared: fx.GraphModule) -> FxLayer | None:
    """The node as a layer; None where it is none, or one of a form that is not known here."""
    if node.op != "call_module" or len(node.args) != 1 or not isinstance(node.args[0], fx.Node):
        return None
    called = prepared.get_submodule(str(node.target))
    parts = list(called) if isinstance(called, nn.Sequential) else [called]
    if type(parts[0]) not in (*CONVOLUTIONS, nn.Linear):
        return None
    if isinstance(parts[0], CONVOLUTIONS) and not pads_by_numbers(parts[0]):
        return None
    rest = nn.Sequential(*parts[1:]) if parts[1:] else NO_REST
    return FxLayer(node, parts[0], rest)  # type: ignore[arg-type]  # by the exact types above


def pads_by_numbers(module: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> bool:
    """True where a convolution pads with so many zeros; torch.ao has no kernel for the others."""
    return module.padding_mode == "zeros" and not isinstance(module.padding, str)


def is_watched(layer: FxLayer, prepared: fx.GraphModule) -> bool:
    """True where the layer has a quantization of its own and reads what will be quantized."""
    before = layer.given
    called = prepared.get_submodule(str(before.target)) if before.op == "call_module" else None
    has_config = getattr(prepared.get_submodule(str(layer.node.target)), "qconfig", None) is not None
    return has_config and isinstance(called, observer.ObserverBase)


def rows_of(layer: FxLayer) -> Matrix:
    """The weights as float64 [groups, rows, columns]."""
    values = layer.module.weight.detach().numpy().astype(np.float64)
    return values.reshape(layer.groups, len(values) // layer.groups, -1)


def set_rows(layer: FxLayer, rows: Matrix) -> None:
    """Give the layer weights that `rows_of` would give back."""
    weight = layer.module.weight
    values = rows.reshape(tuple(weight.shape)).astype(np.float32)
    layer.module.weight = nn.Parameter(torch.from_numpy(values), requires_grad=False)


def columns_of(layer: FxLayer, given: torch.Tensor, most: int, random: np.random.Generator) -> Columns:
    """Columns of an input of the layer, float32 [groups, positions, columns]; at most so many positions."""
    values = given.detach().numpy()
    if isinstance(layer.module, nn.Linear):
        return product_columns(values, most, random)
    if values.ndim < layer.module.weight.dim():  # one sample without an axis of the batch
        values = values[None]
    return window_columns(window_of(layer.module), values, most, random)


def window_of(module: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> Window:
    """What a convolution reads of its input."""
    pads = tuple(int(pad) for pad in module.padding)
    return Window(module.groups, module.kernel_size, module.stride, module.dilation, pads, pads)


def mean_of(layer: FxLayer, output: torch.Tensor) -> torch.Tensor:
    """Mean of an output in each channel, float64 [channels]."""
    values = output.detach().movedim(layer.channel_axis, -1)
    return values.reshape(-1, values.shape[-1]).mean(dim=0, dtype=torch.float64)


def shift_bias(layer: FxLayer, shift: torch.Tensor) -> None:
    """Add a number to the bias of every channel; a layer without one gets it."""
    before = layer.module.bias
    values = shift if before is None else before.detach().double() + shift
    layer.module.bias = nn.Parameter(values.float(), requires_grad=False)


def shifted(layer: FxLayer, output: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """The output of the layer with that bias."""
    return output + shift.float().reshape(-1, *[1] * (-1 - layer.channel_axis))
