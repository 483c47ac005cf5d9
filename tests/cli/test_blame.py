"""`convertkit blame`: the planted fault is found, in whole runs; and what it says where it cannot look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import convertkit
from convertkit import api
from convertkit.cli import cli
from convertkit.errors import InputError, NotMeasuredError, UsageError
from convertkit.report.report import Report, load_report
from tests.conftest import FIXTURES

QUICK = ("bench.rounds=2", "bench.warmup_s=0.01")
SAMPLES = FIXTURES / "digits" / "samples.npz"
FAULTS = {"scaled_channel": "blocks.1.conv", "boxes_and_scores": "detect"}


def blame(run: Path, *words: object) -> Result:
    """Run the verb."""
    return CliRunner().invoke(cli, ["blame", str(run), *map(str, words)], standalone_mode=False)


@pytest.fixture(scope="module", params=FAULTS)
def planted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, Report]:
    """A planted model's name, the folder of its run to INT8 in two formats, and the report."""
    import torch

    from fixtures import planted

    name = request.param
    folder = tmp_path_factory.mktemp(name)
    samples = planted.samples()
    np.savez(folder / "samples.npz", **samples)
    example = torch.from_numpy(samples["image"][:2])
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(getattr(planted, name)(), (example,), dynamic_shapes=({0: batch},))
    torch.export.save(program, folder / "model.pt2")
    report = convertkit.convert(
        folder / "model.pt2",
        to=["tflite:int8", "onnx:int8"],
        samples=folder / "samples.npz",
        out=folder / "run",
        settings=(*QUICK, "stages.savedmodel_to_tflite.quantizer=tensorflow"),
        quality="fast",
        blame=True,
    )
    return name, folder / "run", report


@pytest.mark.slow
def test_the_planted_module_is_first_in_the_table(planted: tuple[str, Path, Report]) -> None:
    name, run, report = planted
    assert report.status == "failed"
    answer: Any = json.loads(blame(run, "--json").stdout)
    assert [each["candidate"] for each in answer] == ["tflite:int8", "onnx:int8"]
    for each in answer:
        worst = each["rows"][0]
        assert worst["module"] == FAULTS[name], each["candidate"]
        assert worst["added"] > 0.5
        assert each["rows"][1]["added"] < worst["added"]


@pytest.mark.slow
def test_a_run_with_blame_says_so_and_writes_table_and_plot(planted: tuple[str, Path, Report]) -> None:
    name, run, report = planted
    told = [note for note in report.notes if note.startswith("blame of")]
    assert len(told) == 2
    assert all(FAULTS[name] in note for note in told)
    for stem in ("tflite-int8", "onnx-int8"):
        assert FAULTS[name] in (run / "blame" / f"{stem}.txt").read_text(encoding="utf-8")
        assert (run / "blame" / f"{stem}.svg").read_text(encoding="utf-8").count("<svg") == 1
        assert json.loads((run / "blame" / f"{stem}.json").read_text())["rows"]
    assert [each.candidate for each in report.drift] == ["tflite:int8", "onnx:int8"]
    assert FAULTS[name] in {tensor.module for tensor in report.drift[0].tensors}
    assert (run / "report.html").read_text(encoding="utf-8").count('class="card drift"') == 2


@pytest.mark.slow
def test_all_hops_are_compared_and_the_float_ones_lose_nothing(planted: tuple[str, Path, Report]) -> None:
    _, run, _ = planted
    found = convertkit.blame(run, all_hops=True, count=4)
    floats = [each for each in found if each.candidate.endswith("float32")]
    assert [(each.candidate, each.reference) for each in floats] == [
        ("onnx:float32", "torch:float32"),
        ("savedmodel:float32", "onnx:float32"),
    ]
    for each in floats:
        assert each.first_drop is None
        assert len(each.rows) > 5
        assert min(row.sqnr_db for row in each.rows) > 90


@pytest.mark.slow
def test_other_samples_and_one_artifact(planted: tuple[str, Path, Report], tmp_path: Path) -> None:
    name, run, _ = planted
    np.savez(
        tmp_path / "other.npz", image=np.random.default_rng(1).normal(size=(5, 3, 32, 32)).astype(np.float32)
    )
    result = blame(run, "--of", "onnx:int8", "--samples", tmp_path / "other.npz", "--top", 1)
    assert result.exit_code == 0
    assert "onnx:int8 against onnx:float32, 5 samples" in result.output
    assert FAULTS[name] in result.stdout.splitlines()[1]
    assert "tflite" not in result.output
    drift = {each.candidate: each.samples for each in load_report(run).drift}
    assert (drift["onnx:int8"], drift["tflite:int8"]) == (5, 16)


def refused(kind: type[Exception], run: Path, *words: object) -> str:
    result = blame(run, *words)
    assert isinstance(result.exception, kind)
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_a_folder_that_is_not_a_run_is_refused(tmp_path: Path) -> None:
    assert "report.json" in refused(UsageError, tmp_path)


@pytest.mark.slow
def test_what_the_run_did_not_make_is_refused(planted: tuple[str, Path, Report]) -> None:
    _, run, _ = planted
    assert "the run made no tflite:int16x8" in refused(UsageError, run, "--of", "tflite:int16x8")
    assert "unknown variant" in refused(UsageError, run, "--of", "tflite:int9")


@pytest.mark.slow
def test_a_model_that_has_changed_since_is_refused(planted: tuple[str, Path, Report], tmp_path: Path) -> None:
    _, run, _report = planted
    (tmp_path / "run").mkdir()
    other = str(FIXTURES / "digits" / "model.pt2")
    content = json.loads((run / "report.json").read_text())
    content["source"]["path"] = other
    (tmp_path / "run" / "report.json").write_text(json.dumps(content))
    (tmp_path / "run" / "signature.json").write_text((run / "signature.json").read_text())
    message = refused(InputError, tmp_path / "run", "--of", "onnx", "--against", "torch:float32")
    assert "not the model of that run any more" in message


def test_the_api_has_it() -> None:
    assert convertkit.blame is api.blame


@pytest.mark.slow
def test_what_cannot_be_seen_is_skipped_unless_asked_for_by_name(tmp_path: Path) -> None:
    run = tmp_path / "run"
    torchscript = FIXTURES / "digits" / "model.torchscript.pt"
    convertkit.convert(torchscript, to="onnx", samples=SAMPLES, out=run, settings=QUICK)
    result = blame(run, "--all-hops")
    assert result.exit_code == 0
    assert "onnx:float32 against torch:float32: skipped" in result.output
    words = ("--of", "onnx", "--against", "torch:float32")
    assert "TorchScript" in refused(NotMeasuredError, run, *words)
