"""Variants: how they are named on disk, and what their precision asks for."""

import pytest

from convertkit.artifacts.formats import SUFFIXES, Format, Precision, Variant
from convertkit.registry import TARGETS


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
