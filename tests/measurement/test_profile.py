"""A worker's times as shares, and what is not profiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.errors import StageError
from convertkit.measurement.profile import NOT_OFFERED, TOP, summarized, take_profile
from convertkit.profiling import WARMUP_CALLS, warm_calls
from convertkit.registry import RUNTIMES, parse_variant
from convertkit.workers.profiled import OperatorTime, Profiled, ProfileJob

SPEC = TensorSpec("x", "float32", ("batch", 2))
SAMPLE = {"x": np.zeros((1, 2), np.float32)}
CONV = OperatorTime("Conv", "c", "stem", 40, 3_000_000)
ADD = OperatorTime("Add", "", "", 20, 1_000_000)
ANSWER = Profiled((CONV, ADD), 20, 5_000_000)


class FakeWorkers:
    """Answers one job, or raises."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.jobs: list[ProfileJob] = []

    def ask_fresh(self, environment: str, job: ProfileJob, log: str) -> Any:
        self.jobs.append(job)
        if isinstance(self._answer, Exception):
            raise self._answer
        Path(job.trace).write_text("[]")
        return self._answer


def profiled(variant: str, workers: Any, folder: Path) -> Any:
    artifact = Artifact(parse_variant(variant), "model", Signature((SPEC,), ()))
    return take_profile(artifact, SAMPLE, 1, workers, folder, folder / "profiles" / "model.json")


def test_shares_are_of_all_operators_and_runs_of_a_call() -> None:
    profile = summarized(ANSWER, "model.json")
    assert [(one.operator, one.share, one.ms, one.runs) for one in profile.top] == [
        ("Conv", 0.75, 3.0, 2.0),
        ("Add", 0.25, 1.0, 1.0),
    ]
    assert (profile.call_ms, profile.operators_ms, profile.calls, profile.operators) == (5.0, 4.0, 20, 2)


def test_ten_are_kept_and_the_share_is_of_all() -> None:
    many = tuple(OperatorTime(f"Op{n}", "", "", 20, 100) for n in range(20))
    profile = summarized(Profiled(many, 20, 5000), "model.json")
    assert (len(profile.top), profile.operators, profile.top[0].share) == (TOP, 20, 0.05)


def test_nothing_that_takes_time_has_no_share() -> None:
    assert summarized(Profiled((OperatorTime("Add", "", "", 1, 0),), 1, 100), "").top[0].share == 0


def test_the_trace_goes_where_it_is_asked_for(tmp_path: Path) -> None:
    profile = profiled("onnx", FakeWorkers(ANSWER), tmp_path)
    assert profile.trace == str(tmp_path / "profiles" / "model.json")
    assert Path(profile.trace).read_text() == "[]"


@pytest.mark.parametrize("variant", ["tflite", "savedmodel"])
def test_a_runtime_that_offers_no_times_says_so_and_starts_nothing(variant: str, tmp_path: Path) -> None:
    workers = FakeWorkers(ANSWER)
    assert profiled(variant, workers, tmp_path).skipped in NOT_OFFERED.values()
    assert workers.jobs == []


def test_an_artifact_that_fails_is_a_row_with_the_reason(tmp_path: Path) -> None:
    profile = profiled("onnx", FakeWorkers(StageError("no such operator")), tmp_path)
    assert (profile.skipped, profile.trace) == ("no such operator", None)


def test_every_runtime_has_a_profiler_or_a_reason() -> None:
    package = Path(__file__).parents[2] / "convertkit" / "profiling"
    for row in RUNTIMES:
        assert (package / f"{row.name}.py").exists() != (row.name in NOT_OFFERED)


def test_slow_models_are_called_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    clock = iter((0.0, 2.0, 0.0, 0.001, 0.0, 60.0))
    monkeypatch.setattr("convertkit.profiling.time.perf_counter", lambda: next(clock))
    assert [warm_calls(lambda: calls.append(1), 20, 5.0) for _ in range(3)] == [2, 20, 1]
    assert len(calls) == 3 * WARMUP_CALLS
