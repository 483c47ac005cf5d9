"""Which inputs a PyTorch model has, optional ones among them, as the samples name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convertkit.artifacts.artifact import Loader
from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import TensorSpec
from convertkit.artifacts.tensors import write_npz
from convertkit.errors import SamplesError
from convertkit.workers.jobs import DescribeJob

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["module", "script"])
def model(request: pytest.FixtureRequest) -> Any:
    """x, then two that need not be given."""
    import torch
    from torch import Tensor

    class Optional(torch.nn.Module):
        def forward(self, x: Tensor, mask: Tensor | None = None, extra: Tensor | None = None) -> Tensor:
            if mask is not None:
                x = x * mask
            return x if extra is None else x + extra

    return torch.jit.script(Optional()) if request.param == "script" else Optional()


def described(model: Any, folder: Path, *names: str) -> list[str]:
    """The names of the inputs where samples are called so."""
    from convertkit.pytorch.load import Opened
    from convertkit.runtimes import torch as runtime

    arrays = {name: np.ones((2, 3), np.float32) for name in names}
    write_npz(folder / "e.npz", arrays)
    specs = tuple(TensorSpec(name, "float32", ("batch", 3)) for name in names)
    job = DescribeJob(Format.TORCH, "m", Loader("module"), specs, str(folder / "e.npz"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "load_model", lambda path, loader: model)
        patch.setattr(runtime, "open_model", lambda path, loader: Opened(model))
        return [spec.name for spec in runtime.describe(job).signature.inputs]


@pytest.mark.parametrize("names", [("x",), ("x", "mask"), ("mask", "x"), ("extra", "x", "mask")])
def test_what_is_given_is_an_input_in_forwards_order(
    model: Any, tmp_path: Path, names: tuple[str, ...]
) -> None:
    order = ["x", "mask", "extra"]
    assert described(model, tmp_path, *names) == [name for name in order if name in names]


def test_one_before_it_may_not_be_left_out(model: Any, tmp_path: Path) -> None:
    with pytest.raises(SamplesError, match="'extra' is given, and 'mask' before it") as caught:
        described(model, tmp_path, "x", "extra")
    assert "give 'mask' as well" in caught.value.hint


def test_what_is_no_input_is_said_with_those_there_are(model: Any, tmp_path: Path) -> None:
    with pytest.raises(SamplesError, match=r"inputs are x \(optional: mask, extra\); .* name x, y"):
        described(model, tmp_path, "x", "y")
