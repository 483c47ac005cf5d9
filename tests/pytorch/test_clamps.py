"""Layers under ReLU6 have its range, and layers of derived classes are quantized as their base is."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.ao.quantization import quantize_fx
from torch.nn import functional

from convertkit.config.torch_options import TorchToTorchFxOptions
from convertkit.pytorch.ao_static import config_mapping
from convertkit.pytorch.clamps import clamped_early, clamped_layers, drop_clamps
from convertkit.pytorch.engine import use_engine
from convertkit.pytorch.own_layers import has_own_layers, settle_classes
from tests.conftest import sqnr_db

pytestmark = pytest.mark.slow

NEAREST = TorchToTorchFxOptions()
SEVEN_AND_EIGHT = TorchToTorchFxOptions(rounding="compensated")
QNNPACK = TorchToTorchFxOptions(engine="qnnpack")


class Same(nn.Conv2d):
    """A convolution that adds no more than a way to build it."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1)


class Padded(nn.Conv2d):
    """A convolution that pads by itself."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(functional.pad(x, (0, 1, 0, 1)))


class Scaled(nn.Conv2d):
    """A convolution that changes its weight on the way."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(x, weight / weight.norm(), bias)


class Clamps(nn.Module):
    """Each way for a layer to be read by a clamp, and each way not to be read by one alone."""

    def __init__(self) -> None:
        super().__init__()
        self.normed, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.plain, self.twice, self.shared = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.ends, self.last = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.clamp = nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        x = self.clamp(self.norm(self.normed(x)))
        x = functional.relu6(self.plain(x))
        x = functional.relu6(self.twice(functional.relu6(self.twice(x))))
        y = self.shared(x)
        x = self.clamp(y) + y
        return self.last(functional.hardtanh(self.ends(x), -2.0, 3.0)).relu()


@pytest.fixture(scope="module")
def prepared() -> Any:
    """The model with observers as the stage has them."""
    use_engine("x86")
    torch.manual_seed(0)
    mapping = config_mapping(TorchToTorchFxOptions())
    return quantize_fx.prepare_fx(Clamps().eval(), mapping, (torch.zeros(1, 3, 4, 4),))


def test_a_layer_that_one_clamp_alone_reads_has_its_ends(prepared: Any) -> None:
    wanted = {"normed": (0.0, 6.0), "plain": (0.0, 6.0), "ends": (-2.0, 3.0)}
    assert clamped_layers(prepared) == wanted


def test_calibration_sees_clamped_values_and_the_outputs_stay(prepared: Any) -> None:
    values = torch.randn(8, 3, 4, 4) * 100
    with torch.no_grad():
        wanted = prepared(values)
        with clamped_early(prepared):
            assert torch.equal(prepared(values), wanted)
            assert prepared.normed(values).max() == 6
        assert prepared.normed(values).max() > 60


def test_a_layer_before_relu6_loses_far_less_than_by_its_own_range() -> None:
    """Unclamped, a range of some hundreds leaves few steps for [0, 6]."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU6(), nn.Conv2d(8, 4, 1)).eval()
    values = torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 100
    figures = [
        sqnr_db(model(values).detach().numpy(), quantized(model, values, context))
        for context in (clamped_early, nullcontext)
    ]
    assert figures[0] > figures[1] + 10


def quantized(
    model: nn.Module,
    values: Tensor,
    context: Any,
    options: TorchToTorchFxOptions = NEAREST,
    *,
    drops: bool = False,
) -> Any:
    """What the model gives in INT8, calibrated by these values in that context."""
    use_engine(options.engine)
    with torch.no_grad():
        mapping = config_mapping(options)
        prepared = quantize_fx.prepare_fx(copy.deepcopy(model), mapping, (values,))
        with context(prepared):
            prepared(values)
        if drops:
            drop_clamps(prepared)
        return quantize_fx.convert_fx(prepared)(values).numpy()


def test_without_the_clamp_the_integers_are_the_same_and_qnnpack_gets_them_right() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU6(), nn.Conv2d(8, 4, 1)).eval()
    values = torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 20
    clamped, free, scrambled, right = (
        quantized(model, values, clamped_early, options, drops=drops)
        for options in (SEVEN_AND_EIGHT, QNNPACK)
        for drops in (False, True)
    )
    assert np.array_equal(clamped, free)
    assert sqnr_db(free, scrambled) < 20 < 35 < sqnr_db(free, right)


def test_clamps_that_a_layer_alone_is_read_by_are_gone(prepared: Any) -> None:
    graph = copy.deepcopy(prepared)
    drop_clamps(graph)
    assert clamped_layers(graph) == {}
    calls = [str(node.target) for node in graph.graph.nodes]
    assert calls.count("clamp") == 1  # that of a value which something else reads too
    assert sum("relu6" in call for call in calls) == 2  # those of a layer that is called twice
    assert not any("hardtanh" in call for call in calls)


def test_a_clamp_that_leaves_out_zero_stays() -> None:
    use_engine("x86")
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Hardtanh(1.0, 6.0)).eval()
    made = quantize_fx.prepare_fx(model, config_mapping(TorchToTorchFxOptions()), (torch.zeros(1, 3, 4, 4),))
    drop_clamps(made)
    assert clamped_layers(made) == {"0": (1.0, 6.0)}


def test_a_derived_layer_that_computes_as_its_base_does_becomes_one() -> None:
    model = nn.Sequential(Same(3), Padded(3, 3, 2), Scaled(3, 3, 1))
    wanted = model(torch.ones(1, 3, 5, 5))
    settle_classes(model)
    assert [type(layer) for layer in model] == [nn.Conv2d, Padded, Scaled]
    assert torch.equal(model(torch.ones(1, 3, 5, 5)), wanted)
    assert has_own_layers(model, (4,))
    assert not has_own_layers(model, (2,))
    assert not has_own_layers(nn.Sequential(nn.Conv2d(3, 3, 1)), (4,))
