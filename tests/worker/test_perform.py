"""What a worker does for a job, where it needs no framework."""

from __future__ import annotations

import time

import numpy as np
import pytest

from convertkit.artifacts.signature import Arrays, Signature, TensorSpec
from convertkit.runtimes import cpu_timed
from convertkit.worker import chunks, memory
from convertkit.worker.chunks import Chunk, allowed_bytes
from convertkit.worker.memory import PeakMemory
from convertkit.worker.perform import run_samples


def test_a_call_is_timed_by_the_processors_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((1_000, 4_500))
    monkeypatch.setattr(time, "process_time_ns", lambda: next(clock))
    calls: list[str] = []
    assert cpu_timed(lambda: calls.append("called") or 99)() == 3_500
    assert calls == ["called"]


class Recurrent:
    """A session whose state and output have the batch on axis 1, and that counts its calls."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def run(self, inputs: Arrays) -> Arrays:
        self.batches.append(inputs["x"].shape[0])
        return {"y": inputs["h"] + inputs["x"][np.newaxis], "once": inputs["heat"]}


def test_outputs_are_one_entry_a_sample_wherever_the_batch_stands() -> None:
    signature = Signature(
        (
            TensorSpec("x", "float64", ("batch", 3)),
            TensorSpec("h", "float64", (2, "batch", 3), batch_axis=1),
            TensorSpec("heat", "float64", (), batch_axis=None),
        ),
        (
            TensorSpec("y", "float64", (2, "batch", 3), batch_axis=1),
            TensorSpec("once", "float64", (), batch_axis=None),
        ),
    )
    random = np.random.default_rng(0)
    samples = {"x": random.normal(size=(7, 3)), "h": random.normal(size=(7, 2, 3)), "heat": np.full(7, 2.0)}
    session = Recurrent()
    outputs = run_samples(session, signature, samples, Chunk(3))  # type: ignore[arg-type]
    np.testing.assert_array_equal(outputs["y"], samples["h"] + samples["x"][:, np.newaxis])
    assert session.batches == [3, 3, 1]
    assert outputs["once"].tolist() == [2.0] * 3


class Heavy:
    """A session that takes so much memory for each sample of a call, and lets it go again."""

    taken_bytes = 0

    def __init__(self, bytes_a_sample: int) -> None:
        self.batches: list[int] = []
        self._bytes = bytes_a_sample

    def run(self, inputs: Arrays) -> Arrays:
        self.batches.append(len(inputs["x"]))
        Heavy.taken_bytes = self._bytes * len(inputs["x"])
        return {"y": inputs["x"] * 2}


class Gauge(PeakMemory):
    """A gauge that reads what `Heavy` says instead of the process."""

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)  # type: ignore[arg-type]
        self.own_bytes = Heavy.taken_bytes


@pytest.fixture
def gauge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "PeakMemory", Gauge)
    monkeypatch.setattr(chunks, "resident_bytes", lambda: 0)


HEAVY = Signature((TensorSpec("x", "float64", ("batch", 3)),), (TensorSpec("y", "float64", ("batch", 3)),))
X = np.arange(120.0).reshape(40, 3)


@pytest.mark.usefixtures("gauge")
def test_no_more_samples_share_a_call_than_fit() -> None:
    """16 MiB a sample and 100 MiB a call: four, since eight would not fit."""
    session, chunk = Heavy(16 << 20), Chunk(32, 100 << 20)
    outputs = run_samples(session, HEAVY, {"x": X}, chunk)  # type: ignore[arg-type]
    np.testing.assert_array_equal(outputs["y"], X * 2)
    assert session.batches[:4] == [1, 2, 4, 4]
    assert max(session.batches) == 4
    assert chunk.size == 4


@pytest.mark.usefixtures("gauge")
def test_one_sample_is_given_whatever_it_takes() -> None:
    session = Heavy(16 << 20)
    outputs = run_samples(session, HEAVY, {"x": X[:5]}, Chunk(32, 1))  # type: ignore[arg-type]
    np.testing.assert_array_equal(outputs["y"], X[:5] * 2)
    assert set(session.batches) == {1}


@pytest.mark.usefixtures("gauge")
def test_a_light_model_has_full_calls() -> None:
    session = Heavy(8)
    run_samples(session, HEAVY, {"x": X}, Chunk(32, 64 << 20))  # type: ignore[arg-type]
    assert session.batches == [1, 32, 8]


@pytest.mark.usefixtures("gauge")
def test_a_model_that_takes_no_single_sample_has_full_calls() -> None:
    class Pairs(Heavy):
        def run(self, inputs: Arrays) -> Arrays:
            if len(inputs["x"]) == 1:
                raise ValueError("two at least")
            return super().run(inputs)

    session = Pairs(8)
    run_samples(session, HEAVY, {"x": X}, Chunk(32, 64 << 20))  # type: ignore[arg-type]
    assert session.batches == [32, 8]


def test_what_a_call_may_take_is_bounded_by_what_the_process_has_left() -> None:
    assert allowed_bytes(None, 1 << 40) is None
    assert allowed_bytes(1 << 30, 1 << 50) == 1 << 30
    assert allowed_bytes(1 << 30, 1) == 1


def test_a_block_inside_another_does_not_hide_its_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    marks = iter([700, 300, 300])
    monkeypatch.setattr(memory, "status_bytes", lambda field: next(marks))
    with PeakMemory() as outer, PeakMemory() as inner:
        pass
    assert (outer.own_bytes, inner.own_bytes) == (700, 300)
