"""What a worker does for a job, where it needs no framework."""

from __future__ import annotations

import time

import pytest

from convertkit.worker.perform import cpu_timed


def test_a_call_is_timed_by_the_processors_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((1_000, 4_500))
    monkeypatch.setattr(time, "process_time_ns", lambda: next(clock))
    calls: list[str] = []
    assert cpu_timed(lambda: calls.append("called") or 99)() == 3_500
    assert calls == ["called"]
