"""The line that names the cause, out of messages as the libraries write them (`error_texts.txt`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from convertkit.causes import cause_line, caused, first_line, without_location

TEXTS = [
    block.strip().replace("\\x1b", "\x1b").split("\n-> ")
    for block in Path(__file__).with_name("error_texts.txt").read_text(encoding="utf-8").split("\n====\n")
]


@pytest.mark.parametrize(("text", "cause"), TEXTS, ids=lambda text: text[:30])
def test_the_line_with_the_cause(text, cause):
    assert cause_line(text) == cause


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("\n\n  first line\nsecond line", "first line"),
        ("shape mismatch: 3 and 4", "shape mismatch: 3 and 4"),
        ("only this:", "only this:"),
        (" \n\t\n", ""),
        ("", ""),
    ],
)
def test_other_texts_give_their_first_line(text, cause):
    assert cause_line(text) == cause


def test_a_location_ends_where_its_brackets_do():
    assert without_location('loc(callsite("a()" at fused["b"])): what is wrong (1)') == "what is wrong (1)"
    assert without_location("loc(never closed: x") == "loc(never closed: x"
    assert without_location("'tf.X' op (y)") == "'tf.X' op (y)"


def test_the_class_stands_before_the_cause_once():
    tracing = 'in user code:\n\n    File "x.py", line 1, in f  *\n        y\n\n    ValueError: no\n'
    assert caused(ValueError("ValueError: no")) == caused(ValueError(tracing)) == "ValueError: no"
    assert caused(RuntimeError()) == "RuntimeError: no message"
    assert first_line(ValueError("ValueError: no")) == "no"
    assert first_line(RuntimeError()) == "RuntimeError"


def test_onnx_runtime_goes_by_its_name():
    kind = type("Fail", (Exception,), {"__module__": "onnxruntime.capi.onnxruntime_pybind11_state"})
    assert caused(kind("[ONNXRuntimeError] : 1 : FAIL : no such node")) == "ONNX Runtime: no such node"
