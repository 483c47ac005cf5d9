"""Whole rescues of the two planted models: from a failing gate to what ships, twice the same."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

import convertkit
from convertkit.artifacts.digest import hash_path
from convertkit.errors import UsageError
from convertkit.registry import parse_variant
from convertkit.report.report import HopRecord, Report, exit_code, load_report
from convertkit.report.rescue import RescueRecord
from convertkit.rescue.families import FAMILIES
from fixtures import planted

pytestmark = pytest.mark.slow

QUICK = (
    "bench.rounds=2",
    "bench.warmup_s=0.01",
    "sampling.calibration=16",
    "sampling.validation=24",
    "stages.savedmodel_to_tflite.heads=joined",
    "stages.savedmodel_to_tflite.rounding=nearest",
)

TARGETS = {"tflite:int8", "tflite:int8-dynamic", "tflite:int16x8", "tflite:float16"}
CHEAP = {family.name for family in FAMILIES if not family.is_costly}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images for either model, eight of which neither calibrate nor validate."""
    file = tmp_path_factory.mktemp("samples") / "samples.npz"
    np.savez(file, **planted.samples(48))
    return file


@pytest.fixture(scope="module")
def source(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both models as ONNX files, so that each is exported once."""
    made = {}
    for name in ("scaled_channel", "boxes_and_scores"):
        folder = tmp_path_factory.mktemp(name)
        model = getattr(planted, name)()
        report = convertkit.convert(model, to="onnx", samples=samples, out=folder, settings=QUICK)
        assert report.is_passed
        made[name] = folder / "model.onnx"
    return made


def run(
    model: Path, samples: Path, out: Path, *settings: str, to: tuple[str, ...] = ("tflite:int8",)
) -> Report:
    """A run with rescue, nothing stored."""
    return convertkit.convert(
        model, to=to, samples=samples, out=out, settings=(*QUICK, *settings), rescue=True, cache=False
    )


def rescued(report: Report) -> tuple[HopRecord, RescueRecord]:
    """The hop that was rescued."""
    hop = next(hop for hop in report.hops if hop.rescue is not None)
    assert hop.rescue is not None
    return hop, hop.rescue


@pytest.mark.parametrize(
    ("name", "mending"),
    [
        ("scaled_channel", "calibration"),  # on top of equalized channels
        ("boxes_and_scores", "heads"),
    ],
)
def test_a_planted_model_passes_at_half_the_size(name, mending, source, samples, tmp_path):
    report = run(source[name], samples, tmp_path / "one")
    hop, rescue = rescued(report)
    assert report.is_passed
    assert exit_code(report) == 0
    assert report.targets == ("tflite:int8",)
    winner = rescue.winner
    assert winner is not None
    assert (hop.target, rescue.wanted) == (winner.target, "tflite:int8")
    assert winner.family in CHEAP  # which of those that pass is a matter of latency
    mended = [one.size_bytes for one in rescue.candidates if one.family == mending and one.is_passed]
    assert winner.sqnr_db > 20
    assert rescue.float32_bytes
    assert min(mended) <= 0.5 * rescue.float32_bytes
    passing = [one.size_bytes for one in rescue.candidates if one.is_passed]
    assert winner.size_bytes <= 1.1 * min(passing)  # the fastest of the small ones, so 0.55 at most
    assert hop.artifact is not None
    assert hop.artifact.path == parse_variant(winner.target).file_name("model")
    assert hash_path(tmp_path / "one" / hop.artifact.path)[0] == winner.sha256
    assert rescue.rejected == "rejected/model.int8.tflite"
    assert (tmp_path / "one" / rescue.rejected).is_file()
    assert any((tmp_path / "one" / "repro").glob("calibration-*")) == (winner.calibration != 16)
    assert f"rescued by {winner.change}" in (tmp_path / "one" / "report.md").read_text()
    again = load_report(tmp_path / "one").hops[-1].rescue
    assert msgspec.json.encode(again) == msgspec.json.encode(rescue)  # tuples of options come back as lists
    if name == "boxes_and_scores":
        return
    other = rescued(run(source[name], samples, tmp_path / "two"))[1]  # the same once more
    assert [(one.change, one.sha256, one.reason) for one in rescue.candidates] == [
        (one.change, one.sha256, one.reason) for one in other.candidates
    ]
    assert rescue.kept == other.kept


def test_what_was_asked_for_in_its_own_right_is_shared(source, samples, tmp_path):
    """Float16 is all that passes at 50 dB, and it is wanted besides: one file, two hops."""
    to = ("tflite:int8", "tflite:float16")
    report = run(source["scaled_channel"], samples, tmp_path, "budget.sqnr_db=50", to=to)
    hop, rescue = rescued(report)
    assert report.is_passed
    assert hop.target == "tflite:float16"
    assert rescue.wanted == "tflite:int8"
    sizes = {family: [] for family in ("exclusion", "mixed")}
    for one in rescue.candidates:
        if one.family in sizes and one.sqnr_db is not None and one.sqnr_db > 30:
            sizes[one.family].append(one.size_bytes)
    assert min(sizes["mixed"]) <= min(sizes["exclusion"])  # what gains most for its bytes
    paths = [each.artifact.path for each in report.hops if each.artifact]
    assert paths.count("model.float16.tflite") == 2
    assert not (tmp_path / "model.int8.tflite").exists()
    own = [each for each in report.hops if each.target == "tflite:float16" and each.rescue is None]
    assert len(own) == 1  # it passed its own gate, so that nothing was searched for it


def test_where_nothing_passes_the_gate_has_failed(source, samples, tmp_path):
    report = run(source["scaled_channel"], samples, tmp_path, "budget.size_bytes=1000", "budget.sqnr_db=2")
    hop, rescue = rescued(report)
    assert exit_code(report) == 7
    assert rescue.kept is None
    assert hop.target == "tflite:int8"
    assert not (tmp_path / "model.int8.tflite").exists()
    assert {one.target for one in rescue.candidates} == TARGETS
    assert all(one.reason for one in rescue.candidates)
    assert any("over the budget" in one.reason for one in rescue.candidates)


def test_a_budget_of_accuracy_needs_labels(source, samples, tmp_path):
    with pytest.raises(UsageError, match="needs labels"):
        run(source["scaled_channel"], samples, tmp_path / "out", "budget.accuracy_drop=0.01")
