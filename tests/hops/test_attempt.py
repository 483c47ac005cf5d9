"""Rivals: which of several artifacts of one hop is kept."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.files import hash_artifact
from convertkit.artifacts.signature import Signature
from convertkit.artifacts.transformation import HEADS, INTEGERS, Transformation
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.errors import StageError
from convertkit.hops.attempt import Made, best_of, check_same, error_record, made_record, with_gain
from convertkit.registry import parse_variant
from convertkit.report.refinement import RefinementRecord
from convertkit.storage.store import StoredHop
from convertkit.validation.accuracy import Accuracy
from convertkit.validation.compare import OutputMetrics
from convertkit.validation.gate import Comparison
from convertkit.validation.judgement import DynamicAxis, FieldCheck, Judgement
from convertkit.validation.tolerance import Tolerance
from convertkit.workers.jobs import ConvertJob

NOTHING = Signature((), ())


def made(
    sqnr_db: float | None,
    size: int = 1000,
    *,
    reason: str = "",
    accuracy: float | None = None,
    most_drop: float = 0.0,
    kept_axes: int = 1,
    field: str = "passed",
    target: str = "tflite:int8",
) -> Made:
    """What an attempt left, with the figures that decide; `most_drop` ends accuracy's interval."""
    variant = parse_variant(target)
    artifact = Artifact(variant, "model.tflite", NOTHING, "00", size)
    outputs = () if sqnr_db is None else (OutputMetrics("output", 0.1, 0.1, 0.9, sqnr_db, None),)
    judgement = Judgement(
        reason,
        {},
        Comparison(outputs, "failed" if reason else "passed", Tolerance(20.0), reason),
        accuracy=None
        if accuracy is None
        else Accuracy("top1", accuracy, 0.96 - accuracy, "output", (-0.05, most_drop), 128),
        dynamic_axes=tuple(
            DynamicAxis(input="x", axis=0, name="batch", sizes_checked=(), kept=number < kept_axes)
            for number in range(1)
        ),
        field_runtime=FieldCheck(runtime="tflite_runtime", status=field),  # type: ignore[arg-type]
    )
    stored = StoredHop(NOTHING, "any", {}, (), 1.0, 1)
    job = ConvertJob("savedmodel_to_tflite", artifact, variant, {}, "out", "scratch", "examples")
    return Made(artifact, stored, judgement, False, job)


def kept(*rivals: Made) -> int:
    """Which one is kept, whatever their order."""
    first = best_of(dict(enumerate(rivals)))
    turned = best_of(dict(enumerate(reversed(rivals))))
    assert turned == len(rivals) - 1 - first
    return first


def test_passing_goes_before_failing_whatever_the_figures():
    assert kept(made(40.0, reason="accuracy drops"), made(21.0, 5000)) == 1


def test_kept_axes_and_the_field_runtime_go_before_figures():
    assert kept(made(40.0, kept_axes=0), made(30.0)) == 1
    assert kept(made(40.0, field="failed"), made(30.0)) == 1
    assert kept(made(40.0, field="skipped"), made(30.0)) == 0


def test_accuracy_decides_for_an_integer_target():
    assert kept(made(40.0, accuracy=0.95), made(30.0, accuracy=0.96)) == 1
    assert kept(made(40.0, accuracy=0.95), made(30.0, accuracy=0.95)) == 0
    floats = [made(40.0, accuracy=value, target="tflite:float16") for value in (0.95,)]
    assert kept(*floats, made(30.0, accuracy=0.96, target="tflite:float16")) == 0


def test_accuracy_decides_nothing_where_its_interval_says_too_little():
    one_more_right = {"accuracy": 0.958, "most_drop": 0.03}
    assert kept(made(40.0, accuracy=0.95, most_drop=0.04), made(30.0, **one_more_right)) == 0
    assert kept(made(40.0, accuracy=0.955, most_drop=0.008), made(30.0, **one_more_right)) == 0
    assert kept(made(40.0, accuracy=0.955, most_drop=0.008), made(30.0, accuracy=0.958, most_drop=0.009)) == 1


def test_accuracy_beyond_what_is_allowed_decides_between_what_fails():
    fails = {"reason": "accuracy drops", "most_drop": 0.5}
    assert kept(made(20.0, accuracy=0.7, **fails), made(18.0, accuracy=0.8, **fails)) == 1


@pytest.mark.parametrize(("other_db", "expected"), [(31.4, 0), (31.6, 1), (30.0, 0)])
def test_the_higher_sqnr_is_kept_and_within_half_a_decibel_the_smaller_file(other_db, expected):
    assert kept(made(31.0, 900), made(other_db, 1000)) == expected


def test_half_a_decibel_is_counted_from_the_best():
    assert kept(made(30.0, 800), made(30.4, 900), made(30.8, 1000)) == 1


def test_the_first_of_equals_is_kept():
    assert best_of({0: made(31.0), 1: made(31.0)}) == 0


def test_what_could_not_be_compared_loses_to_what_could():
    wrong = {"reason": "does not run"}
    assert kept(made(None, 10, **wrong), made(3.0, 1000, reason="too low")) == 1


def test_a_single_one_is_kept_under_its_own_number():
    assert best_of({3: made(10.0)}) == 3


def test_records_tell_what_is_compared():
    options = SavedmodelToTfliteOptions(quantizer="litert")
    record = made_record(options, made(31.0, 900, accuracy=0.95), 2.0)
    assert (record.converter, record.status, record.error) == ("litert-quantizer", "passed", None)
    assert (record.sqnr_db, record.accuracy, record.size_bytes, record.kept) == (31.0, 0.95, 900, False)
    assert made_record(options, made(3.0, reason="too low"), 2.0).status == "failed"
    record = error_record(options, "it crashed", 2.0)
    assert (record.status, record.error, record.size_bytes) == ("error", "it crashed", None)


def refined(sqnr_db: float | None) -> Made:
    """Made of a graph whose weights were rounded with compensation."""
    record = RefinementRecord(largest=127, layers=4, left=0, biases=4, samples=8, seconds=1.0)
    return msgspec.structs.replace(made(sqnr_db), refinement=record)


def gain(one: Made, *others: Made) -> float | None:
    found = with_gain(one, [one, *others]).refinement
    return found.gain_db if found else None


def test_a_refinement_gains_over_the_best_that_was_made_without_one():
    assert gain(refined(25.0), made(18.0), made(19.0), refined(24.0)) == pytest.approx(6.0)
    assert gain(refined(25.0), made(27.0)) == pytest.approx(-2.0)
    assert gain(refined(25.0)) is None
    assert gain(refined(25.0), made(None)) is None
    assert gain(refined(None), made(18.0)) is None
    assert gain(made(18.0), made(17.0)) is None


def apart(sqnr_db: float, *names: str, gain_db: float | None = None) -> Made:
    """Made by a stage that did something so that INT8 keeps its accuracy."""
    one = made(sqnr_db)
    done = tuple(Transformation(name, 0.5, gain_db) for name in names)
    return msgspec.structs.replace(one, stored=msgspec.structs.replace(one.stored, transformations=done))


def gains(one: Made, *others: Made) -> list[tuple[str, float | None]]:
    return [(each.name, each.gain_db) for each in with_gain(one, [one, *others]).transformations]


def test_a_transformation_gains_over_what_differs_in_it_alone():
    assert gains(apart(36.0, INTEGERS), made(29.0), made(28.0)) == [(INTEGERS, pytest.approx(7.0))]
    assert gains(apart(36.0, INTEGERS, HEADS), made(29.0)) == [(INTEGERS, None), (HEADS, None)]
    assert gains(apart(36.0, HEADS, gain_db=30.0), made(35.0)) == [(HEADS, 30.0)]
    both = msgspec.structs.replace(apart(36.0, INTEGERS), refinement=refined(1.0).refinement)
    assert gains(both, made(20.0), refined(30.0), apart(34.0, INTEGERS)) == [
        ("refinement", pytest.approx(2.0)),
        (INTEGERS, pytest.approx(6.0)),
    ]


def test_an_artifact_that_was_written_to_after_it_was_judged_does_not_ship(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"judged")
    artifact = Artifact(parse_variant("onnx"), str(file), Signature((), ()), *hash_artifact(file))
    check_same(artifact)
    file.write_bytes(b"judges")
    with pytest.raises(StageError, match="changed after it was judged"):
        check_same(artifact)
