"""A part of the zoo, from torch to .tflite with built-ins only: dynamic batch, further free axes, INT8.

All of it: `python -m benchmarks.zoo`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("tensorflow")
from benchmarks.zoo import (
    cases_of,
    exported,
    int8,
    operators,
    run_savedmodel,
    run_tflite,
    sqnr_db,
    to_tflite,
    worst,
)
from convertkit.lowering import lower, write_savedmodel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["mlp", "cnn", "transformer-2x64", "unet", "gru"])
def converted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp(request.param)
    exporter = exported(request.param, folder)  # in a process of its own: torch and TensorFlow never meet
    lowered = lower(onnx.load(str(folder / "model.onnx")))
    write_savedmodel(lowered, folder / "savedmodel")
    return {
        "name": request.param,
        "exporter": exporter,
        "folder": folder,
        "lowered": lowered,
        "cases": cases_of(folder),
        "content": to_tflite(folder / "savedmodel"),
    }


def test_every_hop_agrees_with_torch_at_every_size(converted: dict[str, Any]) -> None:
    lowered, cases = converted["lowered"], converted["cases"]
    assert {case[0][0].shape[0] for case in cases} >= {1, 2, 5}
    assert worst([(out, run_savedmodel(lowered, ins)) for ins, out in cases]) >= 80
    assert (
        worst([(out, run_tflite(converted["content"], lowered.signature, ins)) for ins, out in cases]) >= 80
    )


def test_built_ins_only_and_no_needless_transposes(converted: dict[str, Any]) -> None:
    counts = operators(converted["content"])
    assert not [name for name in counts if "Flex" in name]
    most = {"mlp": 0, "cnn": 0, "transformer-2x64": 10, "unet": 1, "gru": 4}
    assert counts.get("TRANSPOSE", 0) <= most[converted["name"]]
    assert converted["lowered"].signature.inputs[0].dynamic_axes[0] == "batch"


@pytest.mark.parametrize("converted", ["cnn", "unet"], indirect=True)
def test_int8(converted: dict[str, Any]) -> None:
    assert int8(converted["folder"], converted["lowered"], converted["cases"]) >= 30


def test_sqnr_fails_on_what_is_not_the_same() -> None:
    x = np.array([1.0, 2.0])
    assert sqnr_db(x, x) == 200
    assert sqnr_db(x, 2 * x) < 1
    assert sqnr_db(x, np.array([1.0, np.nan])) == float("-inf")
    assert sqnr_db(x, np.array([[1.0], [2.0]])) == float("-inf")


def test_a_folder_is_exported_once(converted: dict[str, Any]) -> None:
    before = Path(converted["folder"], "model.onnx").stat().st_mtime_ns
    assert exported(converted["name"], converted["folder"]) == converted["exporter"]
    assert Path(converted["folder"], "model.onnx").stat().st_mtime_ns == before
