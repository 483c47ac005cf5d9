"""Where NaN and Inf begin: the operator and its module, in every kind of PyTorch model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.pytorch import odd_sources as odd

pytestmark = pytest.mark.slow

X = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
SILENT = torch.cat([X[:2], torch.zeros(1, 8)])
WORDS = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
KEEP = torch.tensor([[True, True, False, False, False], [False] * 5, [True] * 5])
FORMS = ("module", "exported", "scripted", "traced", "frozen")
FLAT = ("frozen",)  # whose modules are gone


def formed(model: nn.Module, form: str, inputs: tuple[torch.Tensor, ...], folder: Path) -> Any:
    """The model as it comes from a file of that form."""
    path = folder / "model"
    if form == "module":
        return model.eval()
    if form == "exported":
        shapes = tuple({0: torch.export.Dim("batch")} for _ in inputs)
        torch.export.save(torch.export.export(model.eval(), inputs, dynamic_shapes=shapes), path)
        return torch.export.load(path).module()
    made = (
        torch.jit.script(model.eval())
        if form == "scripted"
        else torch.jit.trace(model.eval(), inputs, check_trace=False)
    )
    torch.jit.save(torch.jit.freeze(made) if form == "frozen" else made, path)
    return torch.jit.load(path)


def outputs(model: Any, *inputs: torch.Tensor) -> torch.Tensor:
    """What the model gives."""
    with torch.inference_mode():
        values: torch.Tensor = model(*inputs)
    return values


def found(model: Any, *inputs: torch.Tensor) -> tuple[tuple[str, str] | None, tuple[str, str] | None]:
    """Module and operator of the first NaN and of the first Inf."""
    from convertkit.pytorch.nonfinite import Search
    from convertkit.pytorch.watch import watch

    search = Search()
    watch(model, inputs, search)
    nan, infinity = search.nan, search.infinity
    return (
        (nan.module, nan.operator) if nan else None,
        (infinity.module, infinity.operator) if infinity else None,
    )


@pytest.mark.parametrize("form", FORMS)
class TestEveryForm:
    def test_softmax_of_a_row_without_anything(self, form: str, tmp_path: Path) -> None:
        model = formed(odd.MaskedRows(), form, (WORDS, KEEP), tmp_path)
        where = ("" if form in FLAT else "attention", "softmax")
        assert found(model, WORDS, KEEP) == (where, None)
        assert found(model, WORDS[::2], KEEP[::2]) == (None, None)

    def test_an_infinity_that_a_mask_gives_is_nobodys_fault(self, form: str, tmp_path: Path) -> None:
        model = formed(odd.MaskedScores(), form, (WORDS, KEEP), tmp_path)
        assert bool(outputs(model, WORDS, KEEP).isinf().any())
        assert found(model, WORDS, KEEP) == (None, None)

    def test_an_infinity_that_an_operator_makes(self, form: str, tmp_path: Path) -> None:
        model = formed(odd.LogOfPower(), form, (X,), tmp_path)
        assert found(model, X) == (None, ("" if form in FLAT else "log", "log"))

    def test_nan_comes_from_where_its_infinity_does(self, form: str, tmp_path: Path) -> None:
        model = formed(odd.Overflow(), form, (X,), tmp_path)
        assert bool(outputs(model, X).isnan().any())
        where = ("" if form in FLAT else "body.1", "exp")
        assert found(model, X) == (where, where)

    def test_a_fault_of_the_models_own_forward_has_no_module(self, form: str, tmp_path: Path) -> None:
        model = formed(odd.Normalized(), form, (X,), tmp_path)
        nan, infinity = found(model, SILENT)
        assert nan is not None
        assert nan[0] == ""
        assert nan[1].startswith("div")
        assert infinity is None


@pytest.mark.parametrize("form", FORMS[:4])
def test_a_layer_whose_weights_are_nan_is_named(form: str, tmp_path: Path) -> None:
    from convertkit.pytorch.nonfinite import origin_in_weights

    origin = origin_in_weights(formed(odd.BadWeight(), form, (X,), tmp_path))
    assert origin is not None
    assert (origin.module, origin.operator) == ("bad", "its weights")


def test_watching_leaves_no_hook_behind() -> None:
    model = odd.MaskedRows().eval()
    found(model, WORDS, KEEP)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
