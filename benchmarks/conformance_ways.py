"""The lowering's two ways through a case: TensorFlow, and TFLite with built-ins alone."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from benchmarks.conformance_cases import Case, compared, element_types
from convertkit import backend
from convertkit.lowering import write_savedmodel
from convertkit.runtimes.interpreter import graph_runner

TFLITE_TYPES = {"FLOAT", "INT8", "UINT8", "INT16", "INT32", "INT64", "BOOL"}


class NoKernel(Exception):
    """What TFLite has no kernel for: `tf.<operator>(<types>)`."""


def in_tensorflow(case: Case) -> str:
    """Run a case through the backend interface; which inputs had to be bound."""
    prepared = backend.prepare(case.model)
    for inputs, expected in case.sets:
        compared(case, prepared.run(inputs), expected)
    return ",".join(sorted(prepared.bound_names))


def in_tflite(case: Case) -> str:
    """Convert a case with built-ins only and run it in LiteRT."""
    other = element_types(case.model) - TFLITE_TYPES
    if other:
        return f"skip: no {', '.join(sorted(other))} in TFLite"
    prepared = backend.prepare(case.model)
    for inputs, expected in case.sets:
        arrays = dict(zip(prepared.input_names, map(np.asarray, inputs), strict=False))
        lowered = prepared.lowered_for(arrays)
        if not lowered.signature.inputs:
            return "skip: a constant, nothing to run"
        compared(case, _run_tflite(_converted(lowered), lowered.signature, arrays), expected)
    return ""


def _converted(lowered: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_savedmodel(lowered, Path(folder, "case.savedmodel"))
        converter = tf.lite.TFLiteConverter.from_saved_model(f"{folder}/case.savedmodel")
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            return bytes(converter.convert())
        except Exception as error:  # its class is private
            missing = re.search(r"^\s*(tf\.\w+\(.*?\)) ->", str(error), re.MULTILINE)
            if missing is None:
                raise
            raise NoKernel(missing[1]) from None


def _run_tflite(content: bytes, signature: Any, arrays: dict[str, Any]) -> list[Any]:
    interpreter = Interpreter(model_content=content, num_threads=1)
    results = graph_runner(interpreter)(**{spec.runtime_name: arrays[spec.name] for spec in signature.inputs})
    return [results[spec.name] for spec in signature.outputs]
