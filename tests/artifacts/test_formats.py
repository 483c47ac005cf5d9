"""Variants: how they are spelled, named on disk, and what their precision asks for."""

import pytest

from convertkit.artifacts.formats import SUFFIXES, TARGETS, Format, Precision, Variant, parse_variant
from convertkit.errors import UsageError


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_every_target_is_read_back_from_its_full_spelling(target):
    assert parse_variant(str(target)) == target


@pytest.mark.parametrize("word", ["onnx", "savedmodel", "tflite"])
def test_a_plain_format_is_its_float32(word):
    assert parse_variant(word) == Variant(Format(word), Precision.FLOAT32)
    assert str(parse_variant(word)) == f"{word}:float32"


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("tflit", "tflite"),
        ("tflite:int-8", "tflite:int8"),
        ("savedmodle", "savedmodel"),
        ("onyx", "onnx"),
        ("torch:int8_dynamic", "torch:int8-dynamic"),
    ],
)
def test_a_misspelt_variant_names_the_nearest_one(text, nearest):
    with pytest.raises(UsageError) as caught:
        parse_variant(text)
    assert text in caught.value.message
    assert caught.value.hint == f"did you mean '{nearest}'?"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text", ["", "torch", "torch:float32", "savedmodel:int8", "ONNX", " onnx", "tflite:"]
)
def test_what_is_no_target_is_refused(text):
    with pytest.raises(UsageError):
        parse_variant(text)


def test_file_names_carry_the_precision_except_float32():
    assert Variant(Format.ONNX).file_name("model") == "model.onnx"
    assert Variant(Format.SAVEDMODEL).file_name("model") == "model.savedmodel"
    assert Variant(Format.TFLITE, Precision.INT8).file_name("model") == "model.int8.tflite"
    assert Variant(Format.TORCH, Precision.INT8_DYNAMIC).file_name("net") == "net.int8-dynamic.pt"


def test_file_names_of_all_targets_differ():
    assert len({target.file_name("model") for target in TARGETS}) == len(TARGETS)


def test_every_format_has_a_suffix():
    assert set(SUFFIXES) == set(Format)


@pytest.mark.parametrize(
    ("precision", "is_integer", "needs_calibration"),
    [
        (Precision.FLOAT32, False, False),
        (Precision.FLOAT16, False, False),
        (Precision.INT8_DYNAMIC, True, False),
        (Precision.INT8, True, True),
        (Precision.INT16X8, True, True),
    ],
)
def test_precision_properties(precision, is_integer, needs_calibration):
    assert precision.is_integer is is_integer
    assert precision.needs_calibration is needs_calibration
