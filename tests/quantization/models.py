"""ONNX graphs for the tests of refinement, written as text, with seeded weights."""

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper, parser


def graph(text, opset=20, **constants):
    """A model of `text` with constants as initializers."""
    header = f'<ir_version: 9, opset_import: ["": {opset}]>'
    model = parser.parse_model(f"{header} g {text}")
    for name, values in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    onnx.checker.check_model(model)
    return model


def weights(*shape, seed=0, scale=0.5):
    """Seeded float32."""
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)


def run(model, **inputs):
    """The first output, by ONNX Runtime."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


def initializer(model, name):
    """A constant of the model."""
    return next(numpy_helper.to_array(each) for each in model.graph.initializer if each.name == name)
