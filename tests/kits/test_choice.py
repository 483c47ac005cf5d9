"""Which artifact a kit takes, and what is said where there is none."""

from __future__ import annotations

import pytest

from convertkit.artifacts.formats import Format
from convertkit.errors import UsageError
from convertkit.kits.choice import chosen_variant

SHIPPED = ["onnx:float32", "savedmodel:float32", "tflite:float32", "tflite:int8", "onnx:int8"]


def test_the_artifact_that_a_kit_takes() -> None:
    assert chosen_variant(SHIPPED, (Format.TFLITE,), None) == "tflite:int8"
    assert chosen_variant(SHIPPED, (Format.TFLITE,), "tflite:float32") == "tflite:float32"
    assert chosen_variant(SHIPPED, (Format.ONNX, Format.SAVEDMODEL), None) == "onnx:float32"
    assert chosen_variant(SHIPPED[1:2], (Format.ONNX, Format.SAVEDMODEL), None) == "savedmodel:float32"
    with pytest.raises(UsageError, match="ships no onnx"):
        chosen_variant(["tflite:int8"], (Format.ONNX,), None)
    with pytest.raises(UsageError, match="cannot take 'onnx:int8'"):
        chosen_variant(SHIPPED, (Format.TFLITE,), "onnx:int8")


def test_the_gate_that_failed_what_a_kit_needs_is_named() -> None:
    failed = {"onnx:float32": "output 'scores': 3.2 dB SQNR", "tflite:int8": "not run"}
    with pytest.raises(UsageError, match=r"needs onnx:float32, which did not pass: output 'scores': 3\.2 dB"):
        chosen_variant(["tflite:float32"], (Format.ONNX,), None, failed)
    with pytest.raises(UsageError, match="ships no 'tflite:int8', which did not pass: not run"):
        chosen_variant(["tflite:float32"], (Format.TFLITE,), "tflite:int8", failed)
    assert chosen_variant(["tflite:float32"], (Format.TFLITE,), None, failed) == "tflite:float32"


def test_a_source_of_the_format_that_a_kit_needs_is_not_made_of_itself() -> None:
    for source, to in (("torch", "onnx"), ("onnx", "onnx:int8")):
        with pytest.raises(UsageError) as caught:
            chosen_variant(["tflite:int8"], (Format.ONNX,), None, source=source)
        assert caught.value.hint == f"convert --to {to}"
    with pytest.raises(UsageError) as caught:
        chosen_variant(["tflite:int8"], (Format.ONNX, Format.SAVEDMODEL), None, source="onnx")
    assert caught.value.hint == "convert --to savedmodel"
