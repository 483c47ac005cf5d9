"""When a hop ends, and which of its attempts decides."""

from __future__ import annotations

import msgspec
import pytest

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.artifacts.transformation import RANGES, Transformation
from convertkit.config.onnx_options import OnnxToOnnxInt8Options
from convertkit.config.stage_options import (
    OnnxToSavedmodelOptions,
    SavedmodelToTfliteOptions,
    TorchToOnnxOptions,
)
from convertkit.config.torch_options import TorchToTorchFxOptions
from convertkit.delegates.forecast import Delegation, Fallback, Forecast
from convertkit.errors import (
    CalledExitError,
    StageError,
    WorkerCrashedError,
    WorkerExitedError,
    WorkerKilledError,
    WorkerMemoryError,
    WorkerSilentError,
    WorkerTimeoutError,
)
from convertkit.hops.attempt import error_record, made_record
from convertkit.hops.tried import (
    Tried,
    decisive,
    ends_hop,
    fit_for,
    fixed_axes,
    fixed_notes,
    further_attempts,
    may_try_more,
    other_converter,
    preferred,
    with_hint,
)
from convertkit.validation.gate import Comparison, Tolerance
from tests.hops.test_attempt import made

FIRST, SECOND = TorchToOnnxOptions(exporter="dynamo"), TorchToOnnxOptions(exporter="torchscript")
LOST = [WorkerKilledError, WorkerSilentError, WorkerTimeoutError, WorkerMemoryError]
CRASHED = [WorkerCrashedError, WorkerExitedError]


def failed(error=StageError, options=FIRST):
    return Tried(error_record(options, "it failed", 1.0), error=error("it failed"))


def judged(sqnr_db=70.0, *, reason="", options=FIRST):
    one = made(sqnr_db, reason=reason)
    return Tried(made_record(options, one, 1.0), one)


def unequal():
    """It agrees with the source, and fails for another reason."""
    one = made(70.0, reason="the dynamic axis 'batch' was lost")
    agreed = Comparison(one.judgement.vs_source.outputs, "passed", Tolerance(20.0))
    return Tried(
        made_record(FIRST, one, 1.0),
        msgspec.structs.replace(one, judgement=msgspec.structs.replace(one.judgement, vs_source=agreed)),
    )


def mute():
    """It does not run."""
    one = made(None, reason="does not run")
    judgement = msgspec.structs.replace(one.judgement, vs_source=None)
    return Tried(made_record(FIRST, one, 1.0), msgspec.structs.replace(one, judgement=judgement))


def further(tried, *becomes, can_refine=True):
    """The options of further attempts of `onnx:int8`, each of which becomes what is given."""
    ends, found = iter(becomes), []
    for options in further_attempts(OnnxToOnnxInt8Options(), Precision.INT8, tried, can_refine=can_refine):
        found.append((options.rounding, options.integers))
        tried.append(next(ends))
    return found


def test_integers_between_weights_are_given_up_where_nothing_else_passes():
    low = judged(reason="too low")
    assert further([low], low, low) == [("compensated", "auto"), ("nearest", "weights")]
    assert further([low], judged()) == [("compensated", "auto")]
    assert further([low], low, can_refine=False) == [("nearest", "weights")]
    assert further([low], failed(WorkerKilledError)) == [("compensated", "auto")]
    assert further([judged()]) == further([failed()]) == []


def by_ranges(options):
    """Passed, of weights rounded to nearest, with ranges that were chosen."""
    one = made(70.0)
    stored = msgspec.structs.replace(one.stored, transformations=(Transformation(RANGES, 1.0, 2.0),))
    return Tried(made_record(options, one, 1.0), msgspec.structs.replace(one, stored=stored))


def test_where_all_ways_are_asked_for_chosen_ranges_have_those_by_min_max_beside_them():
    best = OnnxToOnnxInt8Options(rounding="best")
    tried = [by_ranges(best), judged()]
    (other,) = further_attempts(best, Precision.INT8, tried, can_refine=True)
    assert (other.rounding, other.ranges) == ("nearest", "minmax")
    assert not list(further_attempts(best, Precision.INT8, [judged()], can_refine=True))
    lost = [*tried, failed(WorkerKilledError)]
    assert not list(further_attempts(best, Precision.INT8, lost, can_refine=True))
    default = OnnxToOnnxInt8Options()
    assert not list(further_attempts(default, Precision.INT8, tried, can_refine=True))


def test_a_stage_that_rounds_by_itself_needs_no_graph_for_it():
    tried = [judged(reason="too low")]
    found = further_attempts(TorchToTorchFxOptions(), Precision.INT8, tried, can_refine=False)
    assert [options.rounding for options in found] == ["compensated"]


@pytest.mark.parametrize("error", [*LOST, *CRASHED])
def test_a_worker_that_died_ends_attempts_in_turn(error):
    assert ends_hop(failed(error), are_rivals=False)


@pytest.mark.parametrize("error", [StageError, CalledExitError])
def test_a_converter_that_declines_does_not(error):
    assert not ends_hop(failed(error), are_rivals=False)
    assert not ends_hop(judged(reason="too low"), are_rivals=False)


def test_what_passed_ends_attempts_in_turn_but_not_rivals():
    assert ends_hop(judged(), are_rivals=False)
    assert not ends_hop(judged(), are_rivals=True)


@pytest.mark.parametrize("error", [*LOST, *CRASHED])
def test_of_rivals_only_one_that_crashes_leaves_the_others(error):
    assert ends_hop(failed(error), are_rivals=True) is (error in LOST)


@pytest.mark.parametrize("error", LOST)
def test_a_killed_worker_decides_whatever_else_was_made(error):
    assert decisive([judged(), failed(error)], are_rivals=True) == 1
    assert decisive([judged(reason="too low"), failed(error)], are_rivals=False) == 1


@pytest.mark.parametrize(
    ("tried", "number"),
    [
        ([failed(), failed()], 0),
        ([failed(), failed(WorkerCrashedError)], 0),
        ([failed(), judged()], 1),
        ([judged(reason="too low"), judged()], 1),
        ([failed(), judged(reason="too low"), failed()], 1),
        ([judged(reason="too low"), mute()], 0),
        ([mute(), judged(reason="too low")], 1),
        ([judged(reason="too low"), judged(reason="lower still")], 0),
        ([judged(reason="too low"), unequal()], 1),
        ([judged(reason="too low"), failed(WorkerCrashedError)], 0),
        ([mute(), mute()], 0),
    ],
)
def test_the_attempt_that_came_furthest_decides_and_of_equals_the_first(tried, number):
    assert decisive(tried, are_rivals=False) == number


def fixing(*axes):
    return msgspec.structs.replace(judged(), fixed=axes)


def test_what_passed_and_fixes_a_free_axis_leaves_the_next_one_to_try():
    assert not ends_hop(fixing("time"), are_rivals=False)


@pytest.mark.parametrize(
    ("tried", "number"),
    [
        ([fixing("time"), judged()], 1),
        ([fixing("time"), failed()], 0),
        ([fixing("time"), fixing("time")], 0),
        ([fixing("batch", "time"), fixing("time")], 1),
        ([fixing("time"), judged(reason="too low")], 0),
    ],
)
def test_of_those_that_passed_the_one_that_fixes_fewest_axes_is_kept(tried, number):
    assert decisive(tried, are_rivals=False) == number
    assert preferred(tried, number, are_rivals=False) == ""
    assert len(fixed_notes(tried, number)) == (1 if number else 0)


def test_axes_that_become_numbers_are_fixed():
    x = TensorSpec("x", "float32", ("batch", 3, "time"))
    made = [
        msgspec.structs.replace(x, shape=shape) for shape in (("batch", 3, "time"), ("b", 3, 6), (1, 3, 6))
    ]
    found = [fixed_axes(Signature((x,), ()), Signature((one,), ())) for one in made]
    assert found == [(), ("time",), ("batch", "time")]
    moved = TensorSpec("x", "float32", ("batch", "time", 3), axis_order=(0, 2, 1))
    assert fixed_axes(Signature((x,), ()), Signature((moved,), ())) == ()


@pytest.mark.parametrize(("kind", "left"), [("torchscript", [SECOND]), ("state-dict", [FIRST, SECOND])])
def test_an_attempt_that_cannot_take_the_kind_of_source_is_not_made(kind, left):
    source = Artifact(Variant(Format.TORCH), "m", Signature((), ()), loader=Loader(kind))
    assert fit_for(source, (FIRST, SECOND)) == tuple(left)
    assert fit_for(source, (FIRST,)) == (FIRST,)  # for the reason that it gives


def test_of_rivals_the_best_is_kept():
    assert decisive([judged(30.0), judged(40.0)], are_rivals=True) == 1
    assert decisive([failed(), judged(40.0)], are_rivals=True) == 1


def test_a_fallback_is_named_by_what_should_have_served():
    assert preferred([judged()], 0, are_rivals=False) == ""
    assert preferred([failed(), judged(options=SECOND)], 1, are_rivals=False) == "dynamo"
    dynamic, static = (OnnxToSavedmodelOptions("onnx2tf", batch) for batch in ("dynamic", "static"))
    tried = [failed(options=dynamic), judged(options=static)]
    assert preferred(tried, 1, are_rivals=False) == "onnx2tf (batch=dynamic)"


def test_a_rival_serves_in_place_of_one_that_crashed_but_not_of_one_that_declined():
    tensorflow, litert = (SavedmodelToTfliteOptions(quantizer=name) for name in ("tensorflow", "litert"))
    last = judged(options=litert)
    crashed = failed(WorkerCrashedError, tensorflow)
    assert preferred([crashed, last], 1, are_rivals=True) == "TFLiteConverter"
    assert preferred([failed(options=tensorflow), last], 1, are_rivals=True) == ""


def test_after_a_crash_the_next_converter_is_told():
    setting = other_converter("torch_to_onnx", FIRST, [SECOND])
    assert setting == "stages.torch_to_onnx.exporter=torchscript"
    tracked = OnnxToSavedmodelOptions("tracked", "dynamic")
    others = [OnnxToSavedmodelOptions("onnx2tf", "dynamic")]
    assert other_converter("s", tracked, others) == "stages.s.converter=onnx2tf"
    assert other_converter("s", others[0], [OnnxToSavedmodelOptions("onnx2tf", "static")]) == ""
    assert other_converter("s", FIRST, []) == ""
    said = with_hint(failed(WorkerCrashedError), setting).record.error
    assert said == f"it failed; to take another converter: --set {setting}"
    declined = failed()
    assert with_hint(declined, setting) is declined


def test_more_is_tried_where_something_was_compared_and_nothing_passed():
    fails = judged(12.0, reason="12 dB")
    assert may_try_more([fails])
    assert may_try_more([failed(), fails])
    assert not may_try_more([fails, judged()])
    assert not may_try_more([failed()])
    assert not may_try_more([mute()])
    assert not may_try_more([fails, failed(WorkerKilledError)])


def test_no_other_rounding_mends_what_a_delegate_leaves():
    left = Forecast("gpu", 1, 1, (Fallback("GATHER", 1, "not supported"),))
    told = Delegation(2, (), (left, Forecast("xnnpack", 2, 1)))
    fails = judged(32.0, reason=told.fault("gpu"))
    assert fails.made is not None
    judgement = msgspec.structs.replace(fails.made.judgement, delegation=told)
    fails = msgspec.structs.replace(fails, made=msgspec.structs.replace(fails.made, judgement=judgement))
    assert not may_try_more([fails])
    other = msgspec.structs.replace(judgement, reason="12 dB")
    assert may_try_more(
        [msgspec.structs.replace(fails, made=msgspec.structs.replace(fails.made, judgement=other))]
    )
