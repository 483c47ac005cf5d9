"""What a worker does for a job, where it needs no framework."""

from __future__ import annotations

import time

import numpy as np
import pytest

from convertkit.artifacts.signature import Arrays, Signature, TensorSpec
from convertkit.worker.perform import cpu_timed, run_samples


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
    outputs = run_samples(session, signature, samples, 3)  # type: ignore[arg-type]
    np.testing.assert_array_equal(outputs["y"], samples["h"] + samples["x"][:, np.newaxis])
    assert session.batches == [3, 3, 1]
    assert outputs["once"].tolist() == [2.0] * 3
