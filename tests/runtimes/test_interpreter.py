"""What the interpreters' own bindings refuse: outputs without elements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow")
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from convertkit.lowering import lower, write_savedmodel
from convertkit.runtimes.interpreter import InterpreterSession
from tests.lowering.oracle import parse

pytestmark = pytest.mark.slow
X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("is_signed", [True, False])
def test_an_output_without_elements_is_read(is_signed: bool, tmp_path: Path) -> None:
    text = "g (float[2,3] x) => (float[2,0] none, float[2,3] y) { none = Slice(x, at, at, at) y = Neg(x) }"
    model = parse(text, at=np.array([1]))
    write_savedmodel(lower(model), tmp_path / "m.savedmodel")
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "m.savedmodel"))
    content = converter.convert() if is_signed else without_signatures(converter.convert())
    results = InterpreterSession(lambda: Interpreter(model_content=content)).run({"x": X})
    none, y = sorted(results.values(), key=lambda array: array.size)
    assert none.shape == (2, 0)
    assert none.dtype == np.float32
    np.testing.assert_array_equal(y, -X)


def without_signatures(content: bytes) -> bytes:
    """The same graph as old converters write it."""
    from tensorflow.lite.tools import flatbuffer_utils

    model: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    model.signatureDefs = None
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def test_what_else_a_call_raises_is_passed_on(tmp_path: Path) -> None:
    model = parse("g (float[n,3] x) => (float[n,3] y) { y = Neg(x) }")
    write_savedmodel(lower(model), tmp_path / "m.savedmodel")
    content = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "m.savedmodel")).convert()
    with pytest.raises(ValueError, match="type"):
        InterpreterSession(lambda: Interpreter(model_content=content)).run({"x": X.astype(np.int8)})
