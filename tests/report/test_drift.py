"""A comparison tensor by tensor, as the report keeps it."""

from __future__ import annotations

from convertkit.report.blame import Blame, BlameRow
from convertkit.report.drift import drift_of, merged


def row(position: int, sqnr_db: float, added: float) -> BlameRow:
    return BlameRow(
        position, f"t{position}", f"r{position}", "CONV_2D", "conv", ("conv",), (), (), sqnr_db, 0.5, added
    )


def blame(*rows: BlameRow, candidate: str = "tflite:int8", skipped: str = "") -> Blame:
    return Blame(candidate, "tflite:float32", 16, rows, unmatched=("x", "y"), skipped=skipped)


def test_tensors_stand_in_the_order_of_execution() -> None:
    (found,) = drift_of([blame(row(7, 20.0, 0.4), row(2, 40.0, 0.1))])
    assert [(one.tensor, one.sqnr_db) for one in found.tensors] == [("t2", 40.0), ("t7", 20.0)]
    assert (found.candidate, found.samples, found.unmatched) == ("tflite:int8", 16, 2)


def test_what_could_not_be_compared_has_none() -> None:
    assert drift_of([blame(skipped="it does not run")]) == ()


def test_a_pair_that_is_compared_again_takes_the_place_of_what_was_known() -> None:
    known = drift_of([blame(row(1, 20.0, 0.1)), blame(row(1, 9.0, 0.1), candidate="tflite:float16")])
    again = merged(known, drift_of([blame(row(1, 30.0, 0.1))]))
    assert [(one.candidate, one.tensors[0].sqnr_db) for one in again] == [
        ("tflite:int8", 30.0),
        ("tflite:float16", 9.0),
    ]
