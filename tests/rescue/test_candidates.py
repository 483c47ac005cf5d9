"""Which candidates a rescue proposes, in which order, and what it makes of the answers."""

from __future__ import annotations

import re

import pytest

from convertkit.config.stage_options import OnnxToOnnxInt8Options, SavedmodelToTfliteOptions
from convertkit.config.torch_options import TorchToTorchFxOptions
from convertkit.registry import parse_variant
from convertkit.rescue.candidates import (
    FAMILIES,
    Candidate,
    Case,
    Outcome,
    Proposals,
    Suspect,
    choices,
    compensated,
    excluded_names,
    exclusions,
    float16,
    int16x8,
    more_samples,
    original,
    other_quantizer,
    other_ranges,
    per_channel,
)

TFLITE = original(parse_variant("tflite:int8"), SavedmodelToTfliteOptions(quantizer="tensorflow"), (0, 1, 2))
ONNX = original(parse_variant("onnx:int8"), OnnxToOnnxInt8Options(), (0, 1, 2))
FAILED = Outcome(is_passed=False, sqnr_db=1.0)


def played(proposals: Proposals, passes=lambda candidate: False) -> list[Candidate]:
    """All that a family proposes when candidates pass as told."""
    asked: list[Candidate] = []
    try:
        candidate = next(proposals)
        while True:
            asked.append(candidate)
            candidate = proposals.send(Outcome(passes(candidate), 1.0))
    except StopIteration:
        return asked


def suspects(count: int) -> list[Suspect]:
    return [Suspect(f"t{i}", (f"t{i}",)) for i in range(count)]


def excluded(candidate: Candidate) -> int:
    return len(candidate.options.exclude)


def test_the_families_stand_in_the_order_of_cost():
    assert [family.name for family in FAMILIES] == [
        "rounding",
        "calibration",
        "range",
        "per-channel",
        "quantizer",
        "exclusion",
        "int16x8",
        "float16",
    ]
    assert [family.is_costly for family in FAMILIES] == [False] * 5 + [True] * 3


def test_rounding_with_compensation_once_and_where_the_stage_has_it():
    assert [c.options.rounding for c in played(compensated(Case(TFLITE)))] == ["compensated"]
    assert [c.options.rounding for c in played(compensated(Case(ONNX)))] == ["compensated"]
    again = original(TFLITE.target, SavedmodelToTfliteOptions(rounding="compensated"), (0,))
    assert again.change == "as asked for, by TFLiteConverter, weights rounded with compensation"
    assert not played(compensated(Case(again)))
    assert not played(compensated(Case(original(parse_variant("torch:int8"), TorchToTorchFxOptions(), (0,)))))
    given_up = original(TFLITE.target, SavedmodelToTfliteOptions(per_channel=False), (0,))
    assert not played(compensated(Case(given_up)))


def test_calibration_doubles_until_all_that_do_not_validate():
    asked = played(more_samples(Case(TFLITE, spare=(5, 4, 9, 8, 7, 11, 12))))
    assert [candidate.calibration for candidate in asked] == [
        (0, 1, 2, 4, 5, 9),
        (0, 1, 2, 4, 5, 7, 8, 9, 11, 12),
    ]
    assert asked[0].change == "6 calibration samples in place of 3"
    assert not played(more_samples(Case(TFLITE)))


def test_calibration_stops_where_it_passes():
    case = Case(TFLITE, spare=tuple(range(3, 100)))
    assert len(played(more_samples(case), lambda candidate: True)) == 1


def test_other_ranges_are_those_of_the_stage():
    assert [c.options.calibration for c in played(other_ranges(Case(ONNX)))] == ["percentile"]
    torch = original(parse_variant("torch:int8"), TorchToTorchFxOptions(), (0,))
    assert [c.options.calibration for c in played(other_ranges(Case(torch)))] == ["minmax"]
    assert not played(other_ranges(Case(TFLITE)))


def test_per_channel_only_where_it_was_given_up():
    assert not played(per_channel(Case(TFLITE)))
    given_up = original(TFLITE.target, SavedmodelToTfliteOptions(per_channel=False), (0,))
    assert [c.options.per_channel for c in played(per_channel(Case(given_up)))] == [True]


def test_what_the_stage_refuses_is_not_proposed():
    options = TorchToTorchFxOptions(backend="pt2e")
    assert not played(other_ranges(Case(original(parse_variant("torch:int8"), options, (0,)))))
    options = SavedmodelToTfliteOptions(quantizer="litert", exclude=("head",))
    assert not played(other_quantizer(Case(original(TFLITE.target, options, ()))))


def test_the_other_quantizer():
    assert [c.options.quantizer for c in played(other_quantizer(Case(TFLITE)))] == ["litert"]
    assert not played(other_quantizer(Case(ONNX)))


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


def test_suspects_are_asked_for_only_when_their_turn_comes():
    def fail():
        raise AssertionError

    for family in FAMILIES[:5]:
        played(family.propose(Case(TFLITE, suspects=fail)))


def test_other_precisions_are_made_as_if_they_were_asked_for():
    assert [str(c.target) for c in played(int16x8(Case(TFLITE)))] == ["tflite:int16x8"] * 2
    assert [c.options.quantizer for c in played(int16x8(Case(TFLITE)))] == ["tensorflow", "litert"]
    half = played(float16(Case(TFLITE)))
    assert [str(c.target) for c in half] == ["tflite:float16"]
    asked = SavedmodelToTfliteOptions().attempts(precision=half[0].target.precision, has_dynamic_axes=True)
    assert half[0].options == asked[0]
    assert not played(float16(Case(ONNX)))
    assert not played(int16x8(Case(ONNX)))


def test_choices_are_the_other_values_of_a_literal():
    assert choices(OnnxToOnnxInt8Options(), "calibration") == ["percentile"]
    assert choices(OnnxToOnnxInt8Options(), "nothing") == []
