"""An epsilon is no zero."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from convertkit.artifacts.artifact import Loader
from convertkit.stages.exact_rewrites import constants
from tests.conftest import Lab

pytestmark = pytest.mark.slow

POWER = np.array([[0, 0, 1], [0, 0, 0], [1, 2, 3], [4, 5, 6]], np.float32)


class Loudness(nn.Module):
    """A logarithm kept from 0, and operators that do nothing."""

    def forward(self, power: Tensor) -> Tensor:
        return torch.log((power + 0) * 1 + 1e-10) * 1.000001


def test_an_epsilon_of_a_logarithm_is_in_the_graph(lab: Lab) -> None:
    path = lab.path("loudness.pt2")
    batch = {0: torch.export.Dim("batch", min=2)}
    exported = torch.export.export(Loudness(), (torch.from_numpy(POWER),), dynamic_shapes=(batch,))
    torch.export.save(exported, path)
    source = lab.source(str(path), Loader("exported-program"), {"power": POWER})
    made = lab.convert("torch_to_onnx", source, "onnx", {"power": POWER})
    (wanted,), (got,) = (list(lab.infer(each, {"power": POWER}).values()) for each in (source, made))
    assert np.isfinite(wanted).all()
    assert np.allclose(wanted, got, rtol=1e-6)
    kinds = [node.op_type for node in onnx.load(made.path).graph.node]
    assert sorted(kinds) == ["Add", "Log", "Mul"]  # x + 0 and x * 1 are gone all the same


def test_the_rules_of_the_installed_version_are_found() -> None:
    assert {each.value for each in constants()} == {0, 1}
