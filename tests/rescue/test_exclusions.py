"""Which operators a rescue leaves float, and how it comes to as few as pass."""

from __future__ import annotations

import re

import pytest

from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.rescue.candidates import Candidate, Case, Suspect, original
from convertkit.rescue.exclusions import excluded_names, exclusions
from tests.rescue.families import TFLITE, played


def suspects(count: int) -> list[Suspect]:
    return [Suspect(f"t{i}", (f"t{i}",)) for i in range(count)]


def excluded(candidate: Candidate) -> int:
    return len(candidate.options.exclude)


def test_an_exclusion_takes_in_what_makes_and_what_reads_a_tensor():
    pair = Suspect("a", ("conv(1)", "conv2"))
    first = played(exclusions(Case(TFLITE, suspects=lambda: [pair])))[0]
    assert first.change == "excluding 2 operators"
    assert first.options.quantizer == "litert"
    assert first.options.excluded_weights == "float16"
    assert [bool(re.search(pattern, "conv(1)")) for pattern in first.options.exclude] == [True, False]
    assert first.target == TFLITE.target


def test_exclusions_keep_those_that_were_asked_for():
    options = SavedmodelToTfliteOptions(quantizer="litert", exclude=("head",))
    case = Case(original(TFLITE.target, options, ()), suspects=lambda: suspects(1))
    assert played(exclusions(case))[0].options.exclude == ("head", "^t0$")


def test_groups_grow_and_none_is_the_same_twice():
    rows = [Suspect("a", ("a", "b")), Suspect("b", ("b",)), Suspect("c", ("b", "c"))]
    assert excluded_names(rows) == [("a", "b"), ("a", "b", "c")]


@pytest.mark.parametrize("needed", [1, 2, 3, 5, 6, 7, 8, 11, 20])
def test_exclusions_end_at_the_fewest_that_pass(needed):
    case = Case(TFLITE, suspects=lambda: suspects(20))
    asked = [excluded(c) for c in played(exclusions(case), lambda c: excluded(c) >= needed)]
    assert min(count for count in asked if count >= needed) == needed
    assert len(set(asked)) == len(asked)
    assert asked[: min(2, needed)] == [1, 2][: min(2, needed)]


def test_exclusions_that_never_pass_end_with_all_of_them():
    assert [excluded(c) for c in played(exclusions(Case(TFLITE, suspects=lambda: suspects(11))))] == [
        1,
        2,
        4,
        8,
        11,
    ]


def test_where_latency_decides_larger_sets_are_tried_too():
    case = Case(TFLITE, suspects=lambda: suspects(4), prunes=False)
    assert [excluded(c) for c in played(exclusions(case), lambda c: True)] == [1, 2, 4]
