"""The tables: which variants can be asked for, and how they are spelled."""

import pytest

from convertkit.artifacts.formats import Format, Precision, Variant
from convertkit.errors import UsageError
from convertkit.registry import TARGETS, parse_variant

CONTRACT = """
    onnx onnx:int8 savedmodel tflite tflite:float16 tflite:int8 tflite:int8-dynamic tflite:int16x8
    torch:int8-dynamic torch:int8
"""


@pytest.mark.parametrize("word", CONTRACT.split())
def test_every_variant_of_the_contract_is_made_by_a_stage(word):
    assert parse_variant(word) in TARGETS


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
