"""The search of a rescue with a made-up world: order, time, what it builds upon, where it ends."""

from __future__ import annotations

import msgspec

from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.registry import parse_variant
from convertkit.report.rescue import CandidateRecord
from convertkit.rescue.candidates import Candidate, Case, Suspect, original
from convertkit.rescue.search import Clock, Search

BASE = original(
    parse_variant("tflite:int8"), SavedmodelToTfliteOptions(quantizer="tensorflow", per_channel=False), (0, 1)
)


class World:
    """Makes candidates in no time, a second by its own clock, and judges them as it is told."""

    def __init__(self, sqnr_db, *, floor=20.0, seconds=1.0, minutes=10.0, spare=(), count=6, prunes=True):
        self.sqnr_db, self.floor, self.seconds = sqnr_db, floor, seconds
        self.now = 0.0
        self.asked: list[Candidate] = []
        self.ranked_at: float | None = None
        clock = Clock(60 * minutes, seconds, lambda: self.now)
        case = Case(BASE, spare=spare, suspects=lambda: self.rank(count), prunes=prunes)
        self.search = Search(case, [(BASE, self.record(BASE))], self.attempt, clock)

    def rank(self, count):
        self.ranked_at = self.now
        return [Suspect(f"t{i}", (f"t{i}",)) for i in range(count)]

    def record(self, candidate):
        reached = self.sqnr_db(candidate)
        return CandidateRecord(
            family=candidate.family,
            change=candidate.change,
            target=str(candidate.target),
            converter="",
            options=msgspec.to_builtins(candidate.options),
            calibration=len(candidate.calibration),
            reason="" if reached >= self.floor else "too low",
            seconds=self.seconds,
            size_bytes=100,
            sqnr_db=reached,
        )

    def attempt(self, candidate):
        self.now += self.seconds
        self.asked.append(candidate)
        return self.record(candidate)

    @property
    def families(self):
        return [candidate.family for candidate in self.asked]


def excluded(candidate: Candidate) -> int:
    return len(candidate.options.exclude)


def test_all_families_in_order_where_nothing_passes():
    world = World(lambda c: 1.0, spare=(2, 3))
    assert world.search.run() == "exhausted"
    assert world.families == [
        "int8-dynamic",
        "calibration",
        "per-channel",
        "quantizer",
        "integers",
        *["exclusion"] * 4,
        *["int16x8"] * 2,
        "float16",
    ]
    assert [record.family for _, record in world.search.tried] == ["original", *world.families]


def test_it_ends_where_a_cheap_change_passes():
    world = World(lambda c: 30.0 if c.options.quantizer == "litert" else 5.0)
    assert world.search.run() == "found"
    assert world.families == ["int8-dynamic", "per-channel", "quantizer", "integers"]
    assert world.ranked_at is None


def test_latency_limits_have_all_of_them_tried():
    world = World(lambda c: 30.0 if c.options.quantizer == "litert" else 5.0, prunes=False)
    assert world.search.run() == "exhausted"
    assert world.families[-1] == "float16"


def test_exclusions_that_pass_do_not_end_it():
    world = World(lambda c: 30.0 if excluded(c) >= 3 else 5.0)
    assert world.search.run() == "exhausted"
    assert [excluded(c) for c in world.asked if c.family == "exclusion"] == [1, 2, 4, 3]
    assert world.families[-3:] == ["int16x8", "int16x8", "float16"]


def test_it_builds_on_what_was_clearly_better():
    world = World(lambda c: 5.0 + 4.0 * c.options.per_channel + 0.5 * len(c.calibration), spare=(2,))
    world.search.run()
    exclusion = next(c for c in world.asked if c.family == "exclusion")
    assert exclusion.options.per_channel
    assert exclusion.calibration == (0, 1)  # half a decibel is not worth the samples


def test_what_is_worse_is_not_built_upon():
    world = World(lambda c: 5.0 - 4.0 * c.options.per_channel)
    world.search.run()
    assert not next(c for c in world.asked if c.family == "exclusion").options.per_channel


def test_nothing_starts_that_would_likely_pass_the_deadline():
    world = World(lambda c: 1.0, seconds=25.0, minutes=2.0)
    assert world.search.run() == "time"
    assert world.now <= 120
    assert world.families == [
        "int8-dynamic",
        "per-channel",
        "int16x8",
        "float16",
    ]  # time was left for the last


def test_the_longest_so_far_is_the_estimate():
    world = World(lambda c: 1.0, minutes=0.5)
    world.search._clock.took(40.0)
    assert world.search.run() == "time"
    assert world.asked == []


def test_no_candidate_is_made_twice():
    world = World(lambda c: 1.0, count=1)
    world.search.tried.append((world.search.tried[0][0], world.search.tried[0][1]))
    other = msgspec.structs.replace(BASE, options=msgspec.structs.replace(BASE.options, per_channel=True))
    world.search.tried.append((other, world.record(other)))
    world.search.run()
    assert "per-channel" not in world.families


def test_the_same_world_gives_the_same_search():
    one, other = (World(lambda c: 30.0 if excluded(c) >= 5 else 5.0) for _ in range(2))
    assert one.search.run() == other.search.run()
    assert one.asked == other.asked
