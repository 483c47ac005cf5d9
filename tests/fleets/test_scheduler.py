"""Jobs are handed over a few at a time; a crash is tried once more, a loss again, a refusal never."""

import gc
import random
import tracemalloc

import pytest

from convertkit.fleets.ending import LOST_TRIES
from convertkit.fleets.memory import BASE_BYTES, Memory
from convertkit.fleets.scheduler import run_jobs
from tests.fleets.engine import KILLED, PASSED, REFUSED, ToldEngine, job_of


def run(engine, count=1):
    return list(run_jobs([(job_of(f"job{n}"), f"key{n}") for n in range(count)], engine, Memory()))


@pytest.mark.parametrize(
    ("ends", "status", "tries", "lost"),
    [
        ([PASSED], "passed", 1, 0),
        ([REFUSED], "refused", 1, 0),
        ([KILLED, PASSED], "passed", 2, 0),
        ([KILLED, KILLED], "error", 2, 0),
        ([None, PASSED], "passed", 2, 1),
        ([None, None, KILLED, PASSED], "passed", 4, 2),
        ([None] * LOST_TRIES, "error", LOST_TRIES, LOST_TRIES),
    ],
)
def test_each_cause_is_tried_as_often_as_it_may_help(ends, status, tries, lost):
    engine = ToldEngine(lambda job, number: ends[number - 1])
    (record,) = run(engine)
    assert (record.status, record.tries, record.lost) == (status, tries, lost)
    assert sum(engine.tries.values()) == len(ends)


def test_a_record_says_what_ended_the_job():
    (record,) = run(ToldEngine(lambda job, number: KILLED))
    assert (record.exit_code, record.message, record.node) == (1, "ended by SIGKILL", "here")
    (record,) = run(ToldEngine(lambda job, number: REFUSED))
    assert (record.exit_code, record.message) == (6, "no such file")


def test_what_crashed_gets_twice_the_memory():
    engine = ToldEngine(lambda job, number: KILLED if number == 1 else PASSED)
    run(engine)
    (_, first), (_, second) = engine.asked
    assert second == 2 * first


def test_jobs_need_what_was_measured_of_those_before():
    engine = ToldEngine(lambda job, number: PASSED, width=1)
    run(engine, 2)
    (_, first), (_, second) = engine.asked
    assert first > BASE_BYTES > second > PASSED.peak_bytes


def held_bytes():
    """What lines of convertkit and of these tests hold; the process may load something else meanwhile."""
    own = [tracemalloc.Filter(True, f"*/{part}/*") for part in ("convertkit", "tests/fleets")]
    kept = tracemalloc.take_snapshot().filter_traces(own)
    return sum(each.size for each in kept.statistics("filename"))


def test_ten_thousand_jobs_on_a_cluster_that_loses_some():
    """Each ends once, few are on the way at a time, and no more is kept than the answer."""
    dice = random.Random(0)
    ends = [PASSED] * 90 + [None] * 5 + [REFUSED] * 3 + [KILLED] * 2
    engine = ToldEngine(lambda job, number: PASSED if number == 3 else dice.choice(ends), width=64)
    count, sizes, seen = 10_000, [], set()
    tracemalloc.start()
    try:
        jobs = ((job_of(f"job{n}"), "key") for n in range(count))
        for record in run_jobs(jobs, engine, Memory()):
            seen.add(record.name)
            if len(seen) % 2500 == 0:
                engine.asked.clear()
                gc.collect()
                sizes.append(held_bytes())
    finally:
        tracemalloc.stop()
    assert len(seen) == count
    assert engine.most == 64
    assert (sizes[-1] - sizes[0]) / (
        0.75 * count
    ) < 600  # bytes a job: its name, here and in the engine's count
