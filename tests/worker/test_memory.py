"""What a runtime's work adds to the memory of a GPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from convertkit.environment import nvml
from convertkit.worker.memory import GpuGauge
from convertkit.workers.answers import GpuMemory


class Allocator:
    """A runtime as far as its allocator goes."""

    def __init__(self, *readings: GpuMemory) -> None:
        self._readings: Iterator[GpuMemory] = iter(readings)

    def gpu_memory(self, device: str) -> GpuMemory:
        assert device == "cuda:1"
        return next(self._readings)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter([1000, 1700])
    monkeypatch.setattr(nvml, "card_used_bytes", lambda device: next(used))


@pytest.mark.usefixtures("card")
def test_what_was_there_before_is_not_the_artifact_s() -> None:
    gauge = GpuGauge(Allocator(GpuMemory(None, 100, 900, 200), GpuMemory(None, 150, 260, 400)), "cuda:1")
    assert gauge.added() == GpuMemory(card_bytes=700, allocated_bytes=50, peak_bytes=160, reserved_bytes=200)


@pytest.mark.usefixtures("card")
def test_a_runtime_that_does_not_tell_leaves_the_card() -> None:
    assert GpuGauge(Allocator(GpuMemory(), GpuMemory()), "cuda:1").added() == GpuMemory(card_bytes=700)


def test_a_driver_that_does_not_tell_leaves_the_allocator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml, "card_used_bytes", lambda device: None)
    gauge = GpuGauge(Allocator(GpuMemory(None, 5, 5, 5), GpuMemory(None, 4, 9, 5)), "cuda:1")
    assert gauge.added() == GpuMemory(None, allocated_bytes=0, peak_bytes=4, reserved_bytes=0)


def test_a_cpu_has_none() -> None:
    assert GpuGauge(Allocator(), "cpu").added() is None
