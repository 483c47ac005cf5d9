"""The conformance page's reasons: an error becomes plain words, and nothing unknown passes for known."""

from __future__ import annotations

import pytest

from benchmarks.conformance_reasons import OURS, TFLITE, kind, reason


def test_a_missing_kernel_is_named_with_its_types() -> None:
    note = "NoKernel: tf.FloorDiv(tensor<3xi64>, tensor<i64>)"
    assert reason("tflite", "test_x", note) == (TFLITE, "TFLite has no kernel for FloorDiv of int64")
    note = "NoKernel: tf.SelectV2(tensor<?x3xi1>, tensor<ui8>, tensor<3xui8>)"
    assert reason("tflite", "test_x", note)[1] == "TFLite has no kernel for SelectV2 of bool and uint8"


def test_a_limit_of_tflite_excuses_nothing_in_tensorflow() -> None:
    note = "AssertionError: inf location mismatch"
    assert reason("tflite", "test_x", note)[0] == TFLITE
    assert reason("tensorflow", "test_x", note)[0] == OURS


def test_what_is_not_known_is_ours_and_quoted() -> None:
    assert reason("tflite", "test_x", "ValueError: a|b") == (OURS, "not explained: ValueError: a b")


@pytest.mark.parametrize(
    ("note", "start"),
    [
        ("ChannelsLast: the outputs agree as channels-last alone", "outputs agree"),
        ("ModuleNotFoundError: No module named 'onnx2tf.ops.Scan'", "it has no such operator"),
        ("ModuleNotFoundError: No module named 'foo'", "an error"),
        ("AssertionError: Arrays are not equal Output 0 has incorrect shape", "another shape"),
        ("AssertionError: Not equal to tolerance", "other numbers"),
        ("SystemExit: 1", "exited"),
    ],
)
def test_kinds_of_failure_of_the_other_tool(note: str, start: str) -> None:
    assert kind(note).startswith(start)
