"""Outputs under names that were asked for, in every artifact; right against PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from convertkit import api
from tests.conftest import FIXTURES, fixture_samples
from tests.run.test_odd_signatures import run_tflite

pytestmark = pytest.mark.slow
FOLDER = FIXTURES / "two_inputs"
QUICK = ["bench.rounds=2", "bench.warmup_s=0.01"]
SWAPPED = ["scores", "boxes"]  # the model's own names, each for the other


def wanted(few: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    model = torch.export.load(FOLDER / "model.pt2").module()
    return {name: v.detach().numpy() for name, v in model(*map(torch.from_numpy, few.values())).items()}


def agrees(got: dict[str, np.ndarray], few: dict[str, np.ndarray], names: dict[str, str]) -> None:
    for name, values in wanted(few).items():
        np.testing.assert_allclose(got[names[name]], values, atol=1e-4)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    report = api.convert(
        FOLDER / "model.pt2",
        to=["tflite:float32", "onnx:int8", "torch:int8-dynamic"],
        samples=FOLDER / "samples.npz",
        output_names="scores,boxes",
        out=out,
        layout="source",
        settings=[*QUICK, "gate.min_sqnr_db=10", "gate.loosen=true"],
    )
    assert report.is_passed
    assert [spec.name for spec in report.source.outputs] == SWAPPED
    assert all([row.name for row in hop.vs_source.outputs] == SWAPPED for hop in report.hops if hop.vs_source)
    return out


@pytest.mark.parametrize("file", ["model.onnx", "model.int8.onnx"])
def test_onnx_has_them(run: Path, file: str) -> None:
    few = {name: values[:3] for name, values in fixture_samples("two_inputs").items()}
    session = onnxruntime.InferenceSession(run / file)
    names = [each.name for each in session.get_outputs()]
    assert names == SWAPPED
    if "int8" not in file:
        agrees(
            dict(zip(names, session.run(None, few), strict=True)), few, {"boxes": "scores", "scores": "boxes"}
        )


@pytest.mark.parametrize("kind", ["pt2", "onnx", "savedmodel"])
def test_every_kind_of_source_ships_them(run: Path, tmp_path: Path, kind: str) -> None:
    few = {name: values[:3] for name, values in fixture_samples("two_inputs").items()}
    names, file = {"boxes": "scores", "scores": "boxes"}, run / "model.tflite"
    if kind != "pt2":
        own = ["scores", "boxes"] if kind == "onnx" else sorted(SWAPPED)
        report = api.convert(
            run / f"model.{kind}",
            to="tflite:float32",
            samples=FOLDER / "samples.npz",
            output_names=[f"new_{name}" for name in own],
            out=tmp_path / "again",
            layout="source",
            settings=QUICK,
        )
        assert report.is_passed
        names, file = {old: f"new_{new}" for old, new in names.items()}, tmp_path / "again" / "model.tflite"
    agrees(run_tflite(file, few), few, names)
