"""Every profiler names real operators with their modules, and leaves a trace that Chrome reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.measurement.profile import TOP, take_profile
from tests.conftest import Lab, fixture_samples

pytestmark = pytest.mark.slow
CONVOLUTION = {"torch": "conv2d", "onnx": "Conv"}


@pytest.fixture(scope="module")
def artifacts(lab: Lab) -> dict[str, Artifact]:
    source = lab.fixture("digits")
    made = lab.convert("torch_to_onnx", source, "onnx", fixture_samples("digits"))
    return {"torch": source, "onnx": made}


@pytest.mark.parametrize("kind", ["torch", "onnx"])
def test_the_operators_that_take_the_time_are_named(
    lab: Lab, artifacts: dict[str, Artifact], kind: str, tmp_path: Path
) -> None:
    sample = {"image": fixture_samples("digits")["image"][:1]}
    trace = tmp_path / "profiles" / "model.json"
    profile = take_profile(artifacts[kind], sample, 1, lab.workers, tmp_path, trace)
    assert profile.skipped is None
    assert profile.calls >= 1
    assert 0 < len(profile.top) <= min(TOP, profile.operators)
    shares = [one.share for one in profile.top]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1.000001
    assert profile.operators_ms is not None
    assert profile.call_ms is not None
    assert profile.operators_ms < profile.call_ms
    assert any(
        CONVOLUTION[kind] in one.operator and one.module.startswith("features") and one.runs == 1
        for one in profile.top
    )
    found = json.loads(trace.read_bytes())
    events = found if isinstance(found, list) else found["traceEvents"]
    assert {"name", "ph", "ts"} <= set(next(one for one in events if one.get("ph") == "X"))
    assert not (tmp_path / "profile.json").exists()
