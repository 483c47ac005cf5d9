"""`nn.EmbeddingBag` by operators that every format has, with the same values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

pytestmark = pytest.mark.slow

BATCH, N = torch.export.Dim("batch"), torch.export.Dim("n")
MODES = ("sum", "mean", "max")


class Bag(nn.Module):
    """Bags of 6 words."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.bag = nn.EmbeddingBag(6, 8, **options)

    def forward(self, x: Tensor, offsets: Tensor | None = None, weights: Tensor | None = None) -> Tensor:
        found: Tensor = self.bag(x, offsets, weights)
        return found


def words(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 6, shape))


def made(model: nn.Module, inputs: tuple[Any, ...], axes: tuple[Any, ...]) -> torch.export.ExportedProgram:
    from convertkit.pytorch.decompositions import without_gaps

    return without_gaps(torch.export.export(model.eval(), inputs, dynamic_shapes=axes))


def operators(program: torch.export.ExportedProgram) -> set[str]:
    return {str(node.target) for node in program.graph.nodes if node.op == "call_function"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("padding", [None, 2])
def test_rows_of_a_matrix_are_looked_up_and_reduced(mode: str, padding: int | None) -> None:
    model = Bag(mode=mode, padding_idx=padding)
    program = made(model, (words(4, 5),), ({0: BATCH, 1: N},))
    for given in (words(4, 5), words(9, 3), torch.full((2, 4), 2)):
        torch.testing.assert_close(program.module()(given), model(given))
    assert not {name for name in operators(program) if "arange" in name or "matmul" in name}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("padding", [None, 2])
def test_bags_of_any_sizes(mode: str, padding: int | None) -> None:
    model = Bag(mode=mode, padding_idx=padding)
    program = made(model, (words(24), torch.tensor([0, 5, 5, 20])), ({0: N}, {0: BATCH}))
    for given in (words(24), torch.tensor([0, 5, 5, 20])), (words(7), torch.tensor([0, 0])):
        torch.testing.assert_close(program.module()(*given), model(*given))


def test_offsets_that_say_where_the_last_one_ends() -> None:
    model, given = Bag(include_last_offset=True), (words(24), torch.tensor([0, 5, 5, 20, 24]))
    program = made(model, given, ({0: N}, None))
    torch.testing.assert_close(program.module()(*given), model(*given))


def test_words_with_weights() -> None:
    model = Bag(mode="sum")
    rows = words(4, 5), None, torch.rand(4, 5)
    program = made(model, rows, ({0: BATCH}, None, {0: BATCH}))
    torch.testing.assert_close(program.module()(*rows), model(*rows))
    flat = words(24), torch.tensor([0, 5, 5, 20]), torch.rand(24)
    program = made(model, flat, ({0: N}, {0: BATCH}, {0: N}))
    torch.testing.assert_close(program.module()(*flat), model(*flat))


def test_bags_of_one_size_that_are_given_by_offsets_are_not_taken_for_rows() -> None:
    model, given = Bag(mode="sum"), (words(24), torch.tensor([0, 6, 12, 18]))
    program = made(model, given, (None, None))
    other = words(24), torch.tensor([0, 1, 2, 3])
    torch.testing.assert_close(program.module()(*other), model(*other))


@pytest.mark.parametrize("mode", MODES)
def test_in_onnx_without_a_loop(mode: str, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    model = Bag(mode=mode, padding_idx=1)
    program = made(model, (words(24), torch.tensor([0, 5, 5, 20])), ({0: N}, {0: BATCH}))
    path = tmp_path / "m.onnx"
    torch.onnx.export(program, (), path, dynamo=True, external_data=False, verbose=False)
    assert not {node.op_type for node in onnx.load(path).graph.node} & {"Loop", "SequenceInsert"}
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = words(9), torch.tensor([0, 3, 3])
    (got,) = session.run(None, {"x": given[0].numpy(), "offsets": given[1].numpy()})
    np.testing.assert_allclose(got, model(*given).detach().numpy(), rtol=1e-5, atol=1e-5)


def test_a_model_of_bags_is_told_by_what_it_runs() -> None:
    from convertkit.pytorch.decompositions import has_gaps

    assert has_gaps(Bag(), (words(4, 5),))
