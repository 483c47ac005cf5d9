"""Which operators a rescue leaves float, and how it comes to as few as pass."""

from __future__ import annotations

import re

import pytest

from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.rescue.candidates import Candidate, Case, Suspect, Worth, original
from convertkit.rescue.exclusions import by_need, excluded_names, exclusions, expected, mixed
from tests.rescue.families import ONNX, TFLITE, played


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
    assert excluded_names([("a", "b"), ("b",), ("b", "c")]) == [("a", "b"), ("a", "b", "c")]


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


WORTHS = [
    Worth(("big",), 0.5, 10_000),
    Worth(("small",), 0.3, 1_000),
    Worth(("free",), 0.1, 0),
    Worth(("noise",), 0.001, 1),
    Worth(("worse",), -0.2, 1),
]


def measured(base_db=14.0, **changes) -> Case:
    def worths(base, suspects):
        assert base.options.quantizer == "tensorflow"
        assert [each.tensor for each in suspects] == ["t0"]
        return WORTHS

    return Case(
        TFLITE, suspects=lambda: suspects(1), worths=worths, base_db=base_db, floor_db=20.0, **changes
    )


def test_what_gains_most_for_its_bytes_comes_first():
    assert [each.outputs for each in by_need(WORTHS)] == [("free",), ("small",), ("big",)]


@pytest.mark.parametrize(("base_db", "count"), [(19.8, 1), (18.0, 2), (14.0, 3), (1.0, 3), (None, 1)])
def test_as_many_as_it_should_take_by_what_is_measured(base_db, count):
    assert expected(measured(base_db), by_need(WORTHS)) == count


def test_mixed_starts_at_what_it_should_take_and_ends_at_the_fewest_that_pass():
    asked = played(mixed(measured()), lambda c: excluded(c) >= 2)
    assert [excluded(c) for c in asked] == [3, 1, 2]
    assert asked[0].change == "excluding 3 operators by gain per byte"
    assert asked[0].options.exclude == ("^free$", "^small$", "^big$")
    assert {c.family for c in asked} == {"mixed"}
    assert [excluded(c) for c in played(mixed(measured(18.0)))] == [2, 3]


def test_mixed_needs_a_measurement_and_a_quantizer_that_can():
    assert not played(mixed(Case(TFLITE, suspects=lambda: suspects(1))))
    assert not played(mixed(Case(ONNX)))
