"""Small models as FX graphs that torch.ao has prepared, and smooth inputs for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.ao.quantization import quantize_fx
from torch.nn import functional

from convertkit.config.torch_options import TorchToTorchFxOptions
from convertkit.pytorch.ao_static import config_mapping
from convertkit.pytorch.engine import use_engine

OPTIONS = TorchToTorchFxOptions(rounding="compensated")


class Network(nn.Module):
    """Convolutions with everything that is fused, a depthwise one, a residual, a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.point, self.last = nn.Conv2d(16, 16, 1), nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.first(x)))
        x = functional.relu(self.point(functional.relu6(self.depthwise(x))) + x)
        return self.last(x.mean((2, 3)))


class Forms(nn.Module):
    """Layers that are left as they are, each for a reason of its own, around one that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.mirrored = nn.Conv1d(4, 4, 1), nn.Conv1d(4, 4, 3, padding=1, padding_mode="reflect")
        self.up, self.rounded = nn.ConvTranspose1d(4, 4, 2), nn.Conv1d(4, 4, 3, dilation=2)
        self.same = nn.Conv1d(4, 4, 3, padding="same")

    def forward(self, x: Tensor) -> Tensor:
        x = self.up(self.mirrored(self.twice(self.twice(x))))
        return self.same(self.rounded(x))


def prepared(model: nn.Module, inputs: Tensor) -> fx.GraphModule:
    """The model, fused and with observers, as the stage has it."""
    use_engine("x86")
    made: Any = quantize_fx.prepare_fx(model.eval(), config_mapping(OPTIONS), (inputs[:1],))
    return made


def network() -> Network:
    """The same one in every call, its normalization no identity."""
    torch.manual_seed(0)
    model = Network().eval()
    for values in (model.norm.running_var, model.norm.weight, model.norm.bias):
        nn.init.uniform_(values, 0.5, 2.0)
    return model


def inputs(count: int = 24, seed: int = 7, shape: tuple[int, ...] = (3, 12, 12)) -> Tensor:
    """Values whose neighbours are alike, as those of photographs are."""
    noise = torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))
    return noise.cumsum(-1) / 2


def one_by_one(values: Tensor) -> list[tuple[Tensor, ...]]:
    """A call for each sample."""
    return [(each[None],) for each in values]
