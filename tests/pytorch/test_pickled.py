"""Pickled modules and checkpoints that hold one."""

from __future__ import annotations

import copy
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from convertkit.artifacts.artifact import Loader
from convertkit.errors import MissingDependencyError, ModelFileError
from convertkit.pytorch.load import Opened, open_model
from tests.pytorch.checkpoint_models import build, detector

pytestmark = pytest.mark.slow


def opened(content: Any, folder: Path, factory: str | None = None) -> Opened:
    """What a pickle opens as, once its code is allowed."""
    path = folder / "model.pt"
    torch.save(content, path)
    return open_model(str(path), Loader("module", factory))


def test_a_detectors_checkpoint(tmp_path: Path) -> None:
    model = detector()
    half, average = copy.deepcopy(model).half(), copy.deepcopy(model).half()
    nn.init.zeros_(half.model[0].conv.weight)
    found = opened({"model": half, "ema": average, "train_args": {"imgsz": 64}}, tmp_path)
    assert found.notes == (
        "the model is the checkpoint's 'ema'",
        "its weights are kept as float16, and cast to float32",
        "in export mode, format tflite: 'model.3'",
    )
    image = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        given, wanted = found.model(image), average.float()(image)[0]
    assert given.shape == (2, 7, 64)
    torch.testing.assert_close(given[:, :4] * 64, wanted[:, :4])
    torch.testing.assert_close(given[:, 4:], wanted[:, 4:])


def test_the_model_where_there_is_no_average(tmp_path: Path) -> None:
    found = opened({"epoch": 1, "ema": None, "model": build()}, tmp_path)
    assert found.notes == ("the model is the checkpoint's 'model'",)
    assert not found.model.training


@pytest.mark.parametrize("wrapper", [nn.DataParallel, torch.compile])
def test_wrappers_are_taken_off(wrapper: Any, tmp_path: Path) -> None:
    found = opened(wrapper(build()), tmp_path)
    assert type(found.model).__name__ == "Net"
    assert "taken out of its wrapper" in found.notes[0]


def test_weights_beside_objects_go_into_a_factorys_module(tmp_path: Path) -> None:
    content = {"state_dict": build().state_dict(), "args": types.SimpleNamespace(lr=0.1)}
    found = opened(content, tmp_path, "tests.pytorch.checkpoint_models:build")
    assert found.notes == ("the weights are the checkpoint's 'state_dict'",)
    with pytest.raises(ModelFileError, match=r"holds a dict, not an nn\.Module") as caught:
        opened(content, tmp_path)
    assert "--factory" in caught.value.hint


def test_classes_of_a_package_that_is_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = types.ModuleType("some_detector")
    exec("import torch\nclass Net(torch.nn.Linear): pass", package.__dict__)
    package.Net.__module__ = "some_detector"
    monkeypatch.setitem(sys.modules, "some_detector", package)
    torch.save(package.Net(2, 2), tmp_path / "m.pt")
    monkeypatch.delitem(sys.modules, "some_detector")
    with pytest.raises(MissingDependencyError, match="classes of 'some_detector'") as caught:
        open_model(str(tmp_path / "m.pt"), Loader("module"))
    assert "pip install some_detector" in caught.value.hint
