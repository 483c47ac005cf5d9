"""Known reasons why a model cannot be converted, told before it is; and models that only look like it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from convertkit.errors import ModelFileError
from tests.pytorch import nested
from tests.pytorch import odd_sources as odd

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
EXPORTED, SCRIPTED, TRACED, MODULE = "exported-program", "scripted", "traced", "module"
KINDS = {EXPORTED: EXPORTED, SCRIPTED: "torchscript", TRACED: "torchscript", MODULE: "module"}


def checked(model: nn.Module, form: str, folder: Path) -> Any:
    """The model's outputs, as it is loaded from a file of that form."""
    from convertkit.pytorch.unfit import run_checked

    loaded, kind = opened(model, form, folder)
    return run_checked(loaded, kind, [X]).outputs


def opened(model: nn.Module, form: str, folder: Path) -> tuple[Any, str]:
    """The model as it is loaded from a file of that form, and the kind of its loader."""
    example, path = torch.from_numpy(X[::-1] * 2), folder / "model"  # a trace keeps the state it ends in
    loaded: Any = model
    if form == EXPORTED:
        torch.export.save(
            torch.export.export(model, (example,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},)),
            path,
        )
        loaded = torch.export.load(path).module()
    elif form != MODULE:
        made = (
            torch.jit.script(model)
            if form == SCRIPTED
            else torch.jit.trace(model, example, check_trace=False)
        )
        made.save(str(path))
        loaded = torch.jit.load(path)
    return loaded if form == EXPORTED else loaded.eval(), KINDS[form]


def fault(model: nn.Module, form: str, folder: Path) -> ModelFileError:
    """The reason why the model is refused."""
    with pytest.raises(ModelFileError) as caught:
        checked(model, form, folder)
    assert caught.value.exit_code == 6
    assert caught.value.hint
    return caught.value


class TestTrainingMode:
    @pytest.mark.parametrize("form", [EXPORTED, TRACED])
    def test_dropout_and_batch_norm_are_named(self, form: str, tmp_path: Path) -> None:
        message = fault(odd.Trained().train(), form, tmp_path).message
        assert "training mode" in message
        assert "batch_norm uses the statistics of its batch in 'norm'" in message
        assert "dropout drops 30% in 'drop'" in message

    @pytest.mark.parametrize("form", [EXPORTED, TRACED])
    def test_batch_norm_alone(self, form: str, tmp_path: Path) -> None:
        message = fault(odd.Trained(p=0.0).train(), form, tmp_path).message
        assert "training mode: batch_norm" in message
        assert "dropout" not in message

    def test_dropout_between_the_layers_of_an_lstm(self, tmp_path: Path) -> None:
        assert "lstm drops 40% in 'rnn'" in fault(odd.DeepLstm().train(), EXPORTED, tmp_path).message

    @pytest.mark.parametrize("form", KINDS)
    def test_a_functional_dropout_that_is_not_told_of_the_mode(self, form: str, tmp_path: Path) -> None:
        error = fault(odd.DropoutOnly().eval(), form, tmp_path)
        assert "training mode: dropout drops 50%" in error.message
        assert "training=self.training" in error.hint

    @pytest.mark.parametrize("form", KINDS)
    @pytest.mark.parametrize("kind", [odd.Trained, odd.DeepLstm, odd.NoDropout])
    def test_eval_mode_is_none(self, kind: type[nn.Module], form: str, tmp_path: Path) -> None:
        assert checked(kind().eval(), form, tmp_path)

    def test_what_is_the_same_in_both_modes_is_none(self, tmp_path: Path) -> None:
        assert checked(odd.NoDropout().train(), EXPORTED, tmp_path)

    def test_torchscript_that_knows_its_mode_is_put_in_eval_mode(self, tmp_path: Path) -> None:
        assert checked(odd.Trained().train(), SCRIPTED, tmp_path)


class TestState:
    @pytest.mark.parametrize("form", KINDS)
    def test_a_running_mean_and_a_counter(self, form: str, tmp_path: Path) -> None:
        error = fault(odd.RunningMean().eval(), form, tmp_path)
        assert "changes its buffers" in error.message
        assert {"mean", "steps"} <= set(error.message.replace(",", "").split())
        assert "input" in error.hint

    @pytest.mark.parametrize("form", KINDS)
    def test_a_counter_alone(self, form: str, tmp_path: Path) -> None:
        assert "changes its buffer steps" in fault(odd.Counter().eval(), form, tmp_path).message

    @pytest.mark.parametrize("form", KINDS)
    def test_what_the_last_call_saw(self, form: str, tmp_path: Path) -> None:
        assert "memory.last" in fault(odd.Stream().eval(), form, tmp_path).message

    def test_what_is_computed_once_is_no_state(self, tmp_path: Path) -> None:
        assert checked(odd.Cached().eval(), MODULE, tmp_path)


@pytest.mark.parametrize("form", KINDS)
def test_noise_is_named(form: str, tmp_path: Path) -> None:
    message = fault(odd.Noisy().eval(), form, tmp_path).message
    assert "other outputs" in message
    assert "random numbers, randn_like" in message


@pytest.mark.parametrize("form", [EXPORTED, MODULE])
def test_complex_outputs_are_two_each_and_named(form: str, tmp_path: Path) -> None:
    from convertkit.pytorch.unfit import run_checked

    loaded, kind = opened(odd.Spectrum().eval(), form, tmp_path)
    found = run_checked(loaded, kind, [X])
    assert list(found.outputs) == ["wave", "spectrum_real", "spectrum_imag"]
    assert found.complex == ("spectrum",)
    assert not [name for name, value in found.outputs.items() if value.is_complex()]


@pytest.mark.parametrize("form", KINDS)
def test_half_precision_is_told(form: str, tmp_path: Path) -> None:
    from convertkit.pytorch.unfit import run_checked

    loaded, kind = opened(odd.HalfInside().eval(), form, tmp_path)
    assert run_checked(loaded, kind, [X]).half == "bfloat16"
    loaded, kind = opened(nn.Linear(8, 2).eval(), form, tmp_path)
    assert run_checked(loaded, kind, [X]).half == ""


@pytest.mark.parametrize("form", [EXPORTED, SCRIPTED])
def test_a_model_of_many_outputs_gives_them_all(form: str, tmp_path: Path) -> None:
    assert len(checked(nested.NestedDict().eval(), form, tmp_path)) == 4


class Odd(nn.Module):
    """Returns something besides its result."""

    def __init__(self, besides: Any) -> None:
        super().__init__()
        self.besides = besides

    def forward(self, x: torch.Tensor) -> Any:
        return x * 2, self.besides(x)


@pytest.mark.parametrize(
    ("besides", "told"),
    [
        (lambda x: x[:, 8:], r"output 'output_1' has no elements: \[3, 0\]"),
        (lambda x: x.shape[0], "the model returns int among its outputs"),
    ],
)
def test_what_is_no_output(besides: Any, told: str) -> None:
    from convertkit.pytorch.unfit import run_checked

    with pytest.raises(ModelFileError, match=told) as caught:
        run_checked(Odd(besides), "module", [X])
    assert "what the model returns" in caught.value.hint or "tensors alone" in caught.value.hint
