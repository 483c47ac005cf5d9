"""Checkpoints of every kind of trainer: the keys that fit, those that are said, those that stop."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from convertkit.artifacts.artifact import Loader
from convertkit.errors import ModelFileError, UsageError
from convertkit.pytorch.load import Opened, open_model
from tests.pytorch.checkpoint_models import build

pytestmark = pytest.mark.slow

FACTORY = "tests.pytorch.checkpoint_models:build"
NET = build()
STATE = NET.state_dict()
IMAGE = torch.from_numpy(np.random.default_rng(0).random((2, 3, 8, 8), np.float32))


def prefixed(prefix: str, state: dict[str, Any] = STATE) -> dict[str, Any]:
    """The state dict with something before every key."""
    return {prefix + key: value for key, value in state.items()}


def opened(content: Any, folder: Path, kind: str = "state-dict", **settings: Any) -> Opened:
    """What a saved checkpoint opens as."""
    path = folder / "weights.pt"
    torch.save(content, path)
    return open_model(str(path), Loader(kind, settings.pop("factory", FACTORY), **settings))


def agrees(found: Opened, state: dict[str, torch.Tensor] = STATE) -> bool:
    """True where the model computes with exactly these weights."""
    wanted = build()
    wanted.load_state_dict(state)
    with torch.inference_mode():
        return torch.equal(found.model(IMAGE), wanted.eval()(IMAGE))


@pytest.mark.parametrize(
    "prefix",
    [
        "module.",
        "_orig_mod.",
        "model.",
        "net.",
        "_orig_mod.module.",
        "module._orig_mod.",
        "student.backbone.",
    ],
)
def test_one_common_prefix_is_stripped_and_said(prefix: str, tmp_path: Path) -> None:
    changed = {key: value + 1 if value.is_floating_point() else value for key, value in STATE.items()}
    found = opened(prefixed(prefix, changed), tmp_path)
    assert agrees(found, changed)
    said = " ".join(found.notes)
    assert all(part in said for part in prefix.split(".")[:-1])
    assert "stripped" in said


def test_a_compiled_part_within_the_model(tmp_path: Path) -> None:
    state = {key.replace("body.", "body._orig_mod."): value for key, value in STATE.items()}
    found = opened(state, tmp_path)
    assert agrees(found)
    assert found.notes == ("'_orig_mod.' of torch.compile is stripped from the keys",)


def test_keys_that_fit_are_left_alone(tmp_path: Path) -> None:
    found = opened(STATE, tmp_path)
    assert agrees(found)
    assert found.notes == ()


@pytest.mark.parametrize("key", ["model", "state_dict", "net", "model_state_dict", "weights", "params"])
def test_an_entry_is_opened_and_said(key: str, tmp_path: Path) -> None:
    found = opened({key: STATE, "epoch": 3, "optimizer": {"state": {0: {"step": torch.ones(1)}}}}, tmp_path)
    assert agrees(found)
    assert found.notes == (f"the weights are the checkpoint's '{key}'",)


def test_an_average_is_preferred_and_the_other_named(tmp_path: Path) -> None:
    average = {key: value + 1 if value.is_floating_point() else value for key, value in STATE.items()}
    found = opened({"model": STATE, "ema": {"module": prefixed("module.", average)}}, tmp_path)
    assert agrees(found, average)
    assert found.notes[0] == "the weights are the checkpoint's 'ema.module'; 'model' would fit as well"
    assert "'module.'" in found.notes[1]


def test_a_lightning_checkpoint(tmp_path: Path) -> None:
    state = OrderedDict(prefixed("model."))
    content = {"state_dict": state, "epoch": 1, "hyper_parameters": {"lr": 0.1}, "callbacks": {}}
    found = opened(content, tmp_path)
    assert agrees(found)
    assert len(found.notes) == 2
    state["criterion.weight"] = torch.ones(3)
    with pytest.raises(ModelFileError, match=r"the module has no criterion\.weight") as caught:
        opened(content, tmp_path)
    assert "--allow-extra 'criterion.weight'" in caught.value.hint
    allowed = opened(content, tmp_path, allow_extra=("criterion.*",))
    assert agrees(allowed)
    assert "in the file, and not in the module: criterion.weight" in allowed.notes


def test_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(prefixed("module."), path)
    found = open_model(str(path), Loader("safetensors", FACTORY))
    assert agrees(found)


def test_buffers_without_effect_may_differ(tmp_path: Path) -> None:
    state = {key: value for key, value in STATE.items() if not key.endswith("num_batches_tracked")}
    found = opened(state | {"body.0.total_ops": torch.zeros(1), "old.position_ids": torch.ones(1)}, tmp_path)
    assert agrees(found)
    assert found.notes == (
        "not in the file, left as the factory made them: body.1.num_batches_tracked",
        "in the file, and not in the module: body.0.total_ops, old.position_ids",
    )


def test_a_missing_weight_stops_unless_it_is_allowed(tmp_path: Path) -> None:
    state = {key: value for key, value in STATE.items() if not key.startswith("head.")}
    with pytest.raises(ModelFileError, match=r"does not fit .* lacks head\.weight, head\.bias") as caught:
        opened(state, tmp_path)
    assert "--allow-missing 'head.*'" in caught.value.hint
    found = opened(state, tmp_path, allow_missing=("head.*",))
    assert found.notes == ("not in the file, left as the factory made them: head.weight, head.bias",)


def test_statistics_of_batchnorm_have_an_effect(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="running_mean"):
        opened({k: v for k, v in STATE.items() if "running_mean" not in k}, tmp_path)


def test_other_sizes_name_the_arguments(tmp_path: Path) -> None:
    state = build(num_classes=5).state_dict()
    with pytest.raises(
        ModelFileError, match=r"'head.weight' is \[5, 8\], the module's is \[3, 8\]"
    ) as caught:
        opened(state, tmp_path)
    assert "--factory-args" in caught.value.hint
    assert opened(state, tmp_path, factory_args={"num_classes": 5}).model(IMAGE).shape == (2, 5)


class TestFactory:
    def test_a_file_and_what_lies_beside_it(self, tmp_path: Path) -> None:
        (tmp_path / "beside.py").write_text("from tests.pytorch.checkpoint_models import Net\n")
        (tmp_path / "my-net.py").write_text("from beside import Net\n")
        assert agrees(opened(STATE, tmp_path, factory=f"{tmp_path}/my-net.py:Net"))

    @pytest.mark.parametrize(
        ("factory", "told"),
        [
            ("nowhere.py:build", "there is no nowhere.py"),
            ("no_such_module:build", "No module named"),
            ("tests.pytorch.checkpoint_models:nothing", "nothing"),
            ("tests.pytorch.checkpoint_models:broken", "raised RuntimeError: no such device"),
            ("tests.pytorch.checkpoint_models:centres", "raised TypeError"),
            ("collections:OrderedDict", "returned a OrderedDict, not an nn.Module"),
            ("build", "build"),
        ],
    )
    def test_one_that_builds_nothing(self, factory: str, told: str, tmp_path: Path) -> None:
        with pytest.raises(UsageError) as caught:
            opened(STATE, tmp_path, factory=factory)
        assert factory in caught.value.message
        assert told in caught.value.message


def test_wrappers_of_torch_write_such_keys(tmp_path: Path) -> None:
    assert agrees(opened(nn.DataParallel(NET).state_dict(), tmp_path))
    assert agrees(opened(torch.compile(NET).state_dict(), tmp_path))
