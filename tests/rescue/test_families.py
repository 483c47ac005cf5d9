"""Which candidates a rescue proposes, in which order, and what it makes of the answers."""

from __future__ import annotations

from convertkit.artifacts.formats import Precision
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.config.torch_options import TorchToTorchFxOptions
from convertkit.registry import parse_variant
from convertkit.rescue.candidates import Case, original
from convertkit.rescue.families import (
    FAMILIES,
    compensated,
    dynamic,
    float16,
    heads_apart,
    int16x8,
    more_samples,
    other_quantizer,
    other_ranges,
    per_channel,
    weights_alone,
)
from tests.rescue.families import ONNX, TFLITE, played


def tflite(**options):
    return original(TFLITE.target, SavedmodelToTfliteOptions(**options), (0,))


def test_the_families_stand_in_the_order_of_cost():
    assert [family.name for family in FAMILIES] == [
        "rounding",
        "int8-dynamic",
        "calibration",
        "range",
        "per-channel",
        "quantizer",
        "heads",
        "integers",
        "exclusion",
        "mixed",
        "int16x8",
        "float16",
    ]
    assert [family.is_costly for family in FAMILIES] == [False] * 8 + [True] * 4


def test_rounding_with_compensation_once_and_where_the_stage_has_it():
    assert [c.options.rounding for c in played(compensated(Case(TFLITE)))] == ["compensated"]
    assert [c.options.rounding for c in played(compensated(Case(ONNX)))] == ["compensated"]
    again = original(TFLITE.target, SavedmodelToTfliteOptions(rounding="compensated"), (0,))
    assert again.change == "as asked for, by TFLiteConverter, weights rounded with compensation"
    assert not played(compensated(Case(again)))
    given_up = original(TFLITE.target, SavedmodelToTfliteOptions(per_channel=False), (0,))
    assert not played(compensated(Case(given_up)))
    for backend, ways in (("torch.ao", ["compensated"]), ("pt2e", [])):
        options = TorchToTorchFxOptions(backend=backend)
        found = played(compensated(Case(original(parse_variant("torch:int8"), options, (0,)))))
        assert [c.options.rounding for c in found] == ways


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


def test_suspects_are_asked_for_only_when_their_turn_comes():
    def fail():
        raise AssertionError

    for family in FAMILIES[:8]:
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


def test_weights_alone_in_int8_come_early_as_if_they_were_asked_for():
    found = played(dynamic(Case(TFLITE)))
    assert [str(candidate.target) for candidate in found] == ["tflite:int8-dynamic"]
    asked = SavedmodelToTfliteOptions().attempts(precision=Precision.INT8_DYNAMIC, has_dynamic_axes=True)
    assert found[0].options == asked[0]
    assert not played(dynamic(Case(ONNX)))


def test_what_leaves_floats_is_not_proposed_where_integers_go_in_and_out():
    case = Case(tflite(io="int8", heads="joined"))
    assert not [each for family in (dynamic, heads_apart, weights_alone) for each in played(family(case))]


def test_outputs_of_several_units_apart_where_they_were_joined():
    assert not played(heads_apart(Case(TFLITE)))
    assert [c.options.heads for c in played(heads_apart(Case(tflite(heads="joined"))))] == ["apart"]
    assert not played(heads_apart(Case(original(parse_variant("torch:int8"), TorchToTorchFxOptions(), (0,)))))


def test_integers_for_weights_alone_where_more_has_become_integer():
    (found,) = played(weights_alone(Case(TFLITE)))
    assert (found.options.integers, found.options.quantizer) == ("weights", "litert")
    assert [c.options.integers for c in played(weights_alone(Case(ONNX)))] == ["weights"]
    assert not played(weights_alone(Case(TFLITE, attends=True)))
    assert not played(weights_alone(Case(tflite(integers="weights"))))
    everywhere = Case(tflite(integers="everywhere"), attends=True)
    assert [c.options.integers for c in played(weights_alone(everywhere))] == ["weights"]
