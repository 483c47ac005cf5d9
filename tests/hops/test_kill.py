"""Workers killed in the middle of hops, as `make kill-test` does at more moments."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import kill
from convertkit.hops.runner import HopRunner
from convertkit.plan import Hop
from convertkit.report.report import HopRecord

pytestmark = pytest.mark.slow

MOMENTS = (0.1, 0.5, 0.9)


@pytest.fixture(scope="module")
def hops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[HopRunner, Hop, HopRecord, float]]]:
    """Every hop of the route to INT8, run in peace, with the seconds it takes."""
    with kill.prepared(tmp_path_factory.mktemp("kill") / "run", ("tflite:int8",)) as (runner, plan):
        yield [(runner, hop, *kill.in_peace(runner, hop)) for hop in plan]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_killed_worker_never_changes_which_artifact_ships(
    hops: list[tuple[HopRunner, Hop, HopRecord, float]], place: int
) -> None:
    runner, hop, peaceful, seconds = hops[place]
    hit = 0
    for moment in MOMENTS:
        result = kill.run_killed(runner, hop, peaceful, moment * seconds)
        assert result.outcome == kill.SAME, (moment, result)
        assert len(result.record.lost_workers) == len(result.hits)
        hit += len(result.hits)
    assert hit


@pytest.mark.parametrize("place", [0, 1, 2])
def test_where_its_successor_is_killed_too_the_hop_fails_without_an_artifact(
    hops: list[tuple[HopRunner, Hop, HopRecord, float]], place: int
) -> None:
    runner, hop, peaceful, _ = hops[place]
    result = kill.run_killed(runner, hop, peaceful, 0.0, times=2)
    assert result.outcome == kill.FAILED, result
    assert "SIGKILL" in (result.record.error or "")
    assert hop.target in runner.lost
    assert runner.run(hop).artifact == peaceful.artifact
