"""Ranges of activations, observed in both kinds of model, against what the layers give by themselves."""

from __future__ import annotations

import pytest
import torch
from torch import nn

pytestmark = pytest.mark.slow


class Twice(nn.Module):
    """A layer that is called twice, a layer with a mask, and a sum between them."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.scale = nn.Linear(2, 2, bias=False)
        nn.init.eye_(self.scale.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale(self.relu(x) + self.relu(10 * x))


CALLS = [torch.tensor([[1.0, -1.0]]), torch.tensor([[-2.0, 0.5]])]


def observed(model, calls=CALLS, seconds=60.0):
    from convertkit.pytorch.ranges import observe

    return observe(model, ([call] for call in calls), seconds)


def test_a_module_is_watched_by_its_layers() -> None:
    found = observed(Twice().eval())
    assert {name: values.tolist() for name, values in found.items()} == {
        "relu": [[0.0, 10.0], [0.0, 5.0]],  # of both calls
        "scale": [[0.0, 11.0], [0.0, 5.5]],
    }


def test_an_exported_program_by_its_operators() -> None:
    program = torch.export.export(Twice().eval(), (CALLS[0],)).module()
    found = observed(program)
    assert found["relu_1"].tolist() == [[0.0, 10.0], [0.0, 5.0]]
    assert found["add"].tolist() == [[0.0, 11.0], [0.0, 5.5]]
    assert "linear" not in found  # the identity: the same ranges as the sum's


def test_what_is_not_finite_is_left_out() -> None:
    calls = [torch.tensor([[1.0, float("inf")]])]
    assert observed(Twice().eval(), calls)["relu"].tolist() == [[1.0, 10.0]]


def test_no_time_is_one_call() -> None:
    assert len(observed(Twice().eval(), seconds=0.0)["relu"]) == 1


def test_torchscript_tells_nothing() -> None:
    assert observed(torch.jit.trace(Twice().eval(), CALLS[0])) == {}
