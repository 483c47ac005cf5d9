"""A lowered graph against ONNX Runtime, in TensorFlow and in TFLite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from convertkit.artifacts.signature import to_logical, to_physical
from convertkit.lowering import Lowered, lower, write_savedmodel

Arrays = Sequence[np.ndarray[Any, Any]]


def parse(text: str, opset: int = 20, **weights: np.ndarray[Any, Any]) -> onnx.ModelProto:
    """A model in ONNX's text form, with initializers added by name."""
    model = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": {opset}]> {text}')
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in weights.items()
    )
    onnx.checker.check_model(model)
    return model


def expected(model: onnx.ModelProto, inputs: Arrays) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # several threads quantize each their own rows of a dynamic range
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))


def run(lowered: Lowered, inputs: Arrays) -> list[Any]:
    given = [to_physical(array, spec) for array, spec in zip(inputs, lowered.signature.inputs, strict=True)]
    results = lowered.module.serving_default(*given)
    return [to_logical(results[spec.name].numpy(), spec) for spec in lowered.signature.outputs]


def agrees(
    model: onnx.ModelProto, *inputs: np.ndarray[Any, Any], layout: Any = "auto", atol: float = 1e-5
) -> Lowered:
    """Lower, run, and compare name by name: shape, type, values."""
    lowered = lower(model, layout=layout)
    for name, want, got in zip(
        [output.name for output in model.graph.output],
        expected(model, inputs),
        run(lowered, inputs),
        strict=True,
    ):
        assert want.dtype == got.dtype, name
        assert want.shape == got.shape, name
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=atol, err_msg=name)
    return lowered


def kinds(lowered: Lowered) -> list[str]:
    """The TensorFlow operators of the lowered graph."""
    return [operation.type for operation in lowered.concrete.graph.get_operations()]


def tflite(folder: Path) -> Any:
    """An interpreter's runner for a SavedModel converted with built-ins only."""
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return Interpreter(model_content=converter.convert()).get_signature_runner("serving_default")


def agrees_in_tflite(model: onnx.ModelProto, folder: Path, *cases: list[Any]) -> None:
    """Built-ins only, at every one of the cases' sizes."""
    lowered = lower(model)
    write_savedmodel(lowered, folder / "m.savedmodel")
    runner = tflite(folder / "m.savedmodel")
    for inputs in cases:
        given = {
            s.runtime_name: to_physical(x, s) for s, x in zip(lowered.signature.inputs, inputs, strict=True)
        }
        results = runner(**given)
        for spec, want in zip(lowered.signature.outputs, expected(model, inputs), strict=True):
            np.testing.assert_allclose(results[spec.name], want, rtol=1e-4, atol=1e-5)
