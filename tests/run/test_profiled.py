"""Profiles of a run: one an artifact, the source's apart, paths within the run's folder."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Signature
from convertkit.measurement.profile import Profile
from convertkit.registry import parse_variant
from convertkit.report.report import HopRecord
from convertkit.run import profiled
from convertkit.run.profiled import take_profiles, with_profile
from convertkit.storage.run_folder import PROFILES, RunFolder

BENCH: Any = SimpleNamespace(options=SimpleNamespace(threads=1), scratch=Path(), workers=None, sample={})
RECORD = HopRecord(stage="torch_to_onnx", source="torch:float32", target="onnx:float32", status="passed")


def artifact(variant: str, path: str) -> Artifact:
    return Artifact(parse_variant(variant), path, Signature((), ()))


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Profile]:
    def fake(one: Artifact, sample: Any, threads: int, workers: Any, scratch: Path, trace: Path) -> Profile:
        if "tflite" in one.path:
            return Profile(skipped="not offered")
        trace.write_text("[]")
        return Profile(str(trace), 20)

    monkeypatch.setattr(profiled, "take_profile", fake)
    source = artifact("onnx", "/models/model.onnx")
    made = [artifact("onnx:int8", "/run/model.onnx"), artifact("tflite", "/run/model.tflite")]
    with RunFolder(tmp_path / "run") as folder:
        return take_profiles(source, [source, *made], BENCH, folder)


def test_traces_have_the_names_of_their_artifacts_and_the_source_its_own(
    taken: dict[str, Profile], tmp_path: Path
) -> None:
    assert taken["/models/model.onnx"].trace == "profiles/source.json"
    assert taken["/run/model.onnx"].trace == "profiles/model.onnx.json"
    assert taken["/run/model.tflite"] == Profile(skipped="not offered")
    assert (tmp_path / "run" / "profiles" / "source.json").exists()


def test_a_record_gets_its_artifacts_profile(taken: dict[str, Profile]) -> None:
    one = artifact("onnx:int8", "/run/model.onnx")
    assert with_profile(RECORD, one, taken).profile == taken["/run/model.onnx"]
    assert with_profile(RECORD, None, taken) == with_profile(RECORD, one, {}) == RECORD


def test_the_next_run_removes_the_traces(taken: dict[str, Profile], tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run") as folder:
        assert not (folder.path / PROFILES).exists()
