"""ReLUs in every form are fused into what they read, by torch.ao."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.ao.quantization import quantize_fx
from torch.nn import functional

from convertkit.config.torch_options import TorchToTorchFxOptions
from convertkit.pytorch.ao_static import config_mapping
from convertkit.pytorch.engine import use_engine
from convertkit.pytorch.relus import with_functional_relus

pytestmark = pytest.mark.slow


class Block(nn.Module):
    """A layer, a normalized one and a sum, each with a ReLU."""

    def __init__(self, relu: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.first(x)))
        return self.relu(self.relu(self.second(x)) + x)


class Branch(nn.Module):
    """What no tracer takes."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x) if x.sum() > 0 else x


def built(relu: Callable[[Tensor], Tensor]) -> Block:
    """The same weights in every call."""
    torch.manual_seed(0)
    return Block(relu).eval()


@pytest.mark.parametrize("relu", [torch.relu, lambda x: x.relu()])
def test_other_forms_are_quantized_as_the_function_is(relu: Callable[[Tensor], Tensor]) -> None:
    use_engine("x86")
    values = torch.randn(8, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    outputs = []
    with torch.no_grad():
        for model in (built(functional.relu), built(relu)):
            wanted, taken = model(values), with_functional_relus(model)
            assert torch.equal(taken(values), wanted)
            prepared = quantize_fx.prepare_fx(taken, config_mapping(TorchToTorchFxOptions()), (values,))
            prepared(values)
            outputs.append(quantize_fx.convert_fx(prepared)(values))
    assert torch.equal(*outputs)


def test_a_model_without_them_is_itself() -> None:
    for model in (built(functional.relu), Branch()):
        assert with_functional_relus(model) is model


def test_the_method_stays_where_nothing_is_there_to_take_it_in() -> None:
    class Pooled(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return functional.avg_pool2d(x, 2).relu()

    model = Pooled()
    assert with_functional_relus(model) is model
