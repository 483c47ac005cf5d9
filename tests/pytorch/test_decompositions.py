"""Operators that the exporter to ONNX lacks, written by others: the same values, and an ONNX that runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

pytestmark = pytest.mark.slow

X = torch.from_numpy(np.random.default_rng(0).standard_normal((3, 4, 12, 30)).astype(np.float32))


class Of(nn.Module):
    """A function as a model."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


FUNCTIONS: dict[str, Callable[[Tensor], Any]] = {
    "largest of 5 x 7": lambda x: functional.adaptive_max_pool2d(x, (5, 7)),
    "largest of 7": lambda x: functional.adaptive_max_pool1d(x.flatten(1, 2), 7),
    "distances of few": lambda x: torch.cdist(x[:, 0], x[:, 1]),
    "distances of many": lambda x: torch.cdist(x[:, 0].mT, x[:, 1].mT),
    "distances by absolute values": lambda x: torch.cdist(x[:, 0], x[:, 1], p=1.0),
    "running product": lambda x: torch.cumprod(x, -1),
    "third smallest": lambda x: tuple(torch.kthvalue(x, 3, 1)),
    "third smallest, kept": lambda x: torch.kthvalue(x, 3, -1, keepdim=True)[0],
    "hypotenuse": lambda x: torch.hypot(x, x + 1),
    "divisor of one's own": lambda x: functional.avg_pool2d(x, (3, 2), 2, 1, divisor_override=5),
    "rrelu": functional.rrelu,
}


def exported(model: nn.Module) -> torch.export.ExportedProgram:
    return torch.export.export(model.eval(), (X,), dynamic_shapes=({0: torch.export.Dim("batch")},))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_same_values_by_other_operators(name: str) -> None:
    from convertkit.pytorch.decompositions import TABLE, without_gaps

    program = exported(Of(FUNCTIONS[name]))
    made = without_gaps(program)
    assert {node.target for node in program.graph.nodes} & set(TABLE)
    left = {node.target for node in made.graph.nodes} & set(TABLE)
    assert not left or name.startswith("divisor")  # where the average by the window's size remains
    wanted, got = program.module()(X[:2]), made.module()(X[:2])
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)


def test_all_of_them_in_onnx(tmp_path: Path) -> None:
    import onnxruntime

    from convertkit.pytorch.decompositions import without_gaps

    model = Of(lambda x: [function(x) for name, function in FUNCTIONS.items() if name != "third smallest"])
    program = without_gaps(exported(model))
    torch.onnx.export(program, (), tmp_path / "m.onnx", dynamo=True, external_data=False, verbose=False)
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    given = X[:2]
    for wanted, got in zip(model(given), session.run(None, {"x": given.numpy()}), strict=True):
        np.testing.assert_allclose(got, wanted.numpy(), rtol=1e-4, atol=1e-4)


def test_what_needs_its_indices_stays() -> None:
    from convertkit.pytorch.decompositions import without_gaps

    program = exported(Of(lambda x: functional.adaptive_max_pool2d(x, (5, 7), return_indices=True)[1]))
    assert without_gaps(program) is program


def test_models_are_told_by_what_they_run() -> None:
    from convertkit.pytorch.decompositions import has_gaps

    assert has_gaps(Of(FUNCTIONS["distances of few"]), (X,))
    assert has_gaps(Of(FUNCTIONS["divisor of one's own"]).eval(), (X,))
    assert not has_gaps(Of(lambda x: functional.avg_pool2d(x, 2)), (X,))
