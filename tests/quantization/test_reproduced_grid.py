"""Every quantizer reproduces the integers that weights were rounded to: read back from what it made."""

import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnxruntime import quantization
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from convertkit.artifacts.formats import Precision
from convertkit.config.onnx_options import OnnxToOnnxInt8Options
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.lowering import lower, write_savedmodel
from convertkit.quantization.graph import Graph
from convertkit.quantization.grid import channel_scales
from convertkit.quantization.layers import find_layers, rows_of
from convertkit.quantization.refinement import refine
from convertkit.stages import litert_quantization
from convertkit.stages.onnx_quantization import call_quantizer
from tests.quantization.models import graph, initializer, weights

pytestmark = pytest.mark.slow

NETWORK = """(float[N,3,8,8] x) => (float[N,10] y) {
    c1 = Conv <pads=[1,1,1,1], strides=[2,2]> (x, dense, b16) r1 = Relu (c1)
    c2 = Conv <group=16, pads=[1,1,1,1]> (r1, depthwise, b16) r2 = Relu (c2)
    c3 = Conv (r2, pointwise, b8) r3 = Relu (c3)
    c4 = ConvTranspose <strides=[2,2], pads=[0,0,1,1]> (r3, transposed, b6) r4 = Relu (c4)
    f = Flatten (r4)
    g = Gemm <transB=1> (f, linear, b12) r5 = Relu (g)
    m = MatMul (r5, product) y = Add (m, b10)
}"""
KERNELS = {
    "dense": (16, 3, 3, 3),
    "depthwise": (16, 1, 3, 3),
    "pointwise": (8, 16, 1, 1),
    "transposed": (8, 6, 3, 3),
    "linear": (12, 6 * 8 * 8),
    "product": (12, 10),
}
ORDERS = {  # of TFLite's weights
    "dense": (0, 2, 3, 1),
    "depthwise": (1, 2, 3, 0),
    "pointwise": (0, 2, 3, 1),
    "transposed": (1, 2, 3, 0),
    "product": (1, 0),
}


def calls(count):
    smooth = np.random.default_rng(3).normal(size=(count, 1, 3, 8, 8)).cumsum(-1)
    return [{"x": each.astype(np.float32)} for each in smooth]


def refined(largest):
    constants = {name: weights(*shape, seed=at) for at, (name, shape) in enumerate(KERNELS.items())}
    biases = {f"b{size}": weights(size, seed=size) for size in (16, 8, 6, 12, 10)}
    model = graph(NETWORK, **constants, **biases)
    assert refine(model, calls(24), largest, threads=1).layers == 6
    return model


def integers_of(model, largest):
    """Name of a weight → its integers, in the shape of the graph."""
    found = {}
    known = Graph(model)
    for layer in find_layers(known):
        rows = rows_of(layer, known.constants[layer.weight])
        scales = channel_scales(rows, largest)
        if layer.node.op_type == "Gemm" or layer.node.op_type == "Conv":
            shaped = scales.reshape(-1, *[1] * (len(layer.shape) - 1))
        else:
            shaped = scales.reshape(1, -1, *[1] * (len(layer.shape) - 2))
        found[layer.weight] = np.rint(known.constants[layer.weight] / shaped).astype(np.int8)
    return found


@pytest.fixture(scope="module")
def model():
    return refined(127)


@pytest.fixture(scope="module")
def savedmodel(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lowered") / "model"
    lowered = lower(model, layout="channels-last")
    write_savedmodel(lowered, folder)
    (spec,) = lowered.signature.inputs
    steps = [{spec.runtime_name: call["x"].transpose(0, 2, 3, 1)} for call in calls(24)]
    return str(folder), steps


def by_tensorflow(savedmodel):
    converter = tf.lite.TFLiteConverter.from_saved_model(savedmodel[0])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: iter(savedmodel[1])
    return converter.convert()


def by_litert(savedmodel):
    plain = tf.lite.TFLiteConverter.from_saved_model(savedmodel[0]).convert()
    options = SavedmodelToTfliteOptions(quantizer="litert")
    return litert_quantization.quantize(plain, Precision.INT8, options, savedmodel[1])


def constants_of(content):
    """The INT8 constants of a `.tflite`."""
    file = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    found = []
    for tensor in file.subgraphs[0].tensors:
        data = file.buffers[tensor.buffer].data
        if data is not None and tensor.type == schema.TensorType.INT8:
            found.append(np.frombuffer(bytes(data), np.int8).reshape(tensor.shape))
    return found


@pytest.mark.parametrize("quantize", [by_tensorflow, by_litert], ids=["TFLiteConverter", "litert-quantizer"])
def test_a_tflite_file_has_these_integers(quantize, savedmodel, model):
    held = constants_of(quantize(savedmodel))
    for name, values in integers_of(model, 127).items():
        wanted = values.transpose(ORDERS[name]) if name in ORDERS else values
        same = [tensor for tensor in held if tensor.shape == wanted.shape]
        if name == "linear":  # its columns are in the order of the axes before it
            wanted, same = np.sort(wanted, axis=1), [np.sort(tensor, axis=1) for tensor in same]
        assert any(np.array_equal(tensor, wanted) for tensor in same), name


@pytest.mark.parametrize("bits", [7, 8])
def test_an_onnx_file_has_these_integers(bits, tmp_path):
    largest = 2 ** (bits - 1) - (bits == 8)
    model = refined(largest)
    prepared, out = tmp_path / "prepared.onnx", tmp_path / "out.onnx"
    onnx.save_model(model, str(prepared))

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = calls(24)

        def get_next(self):
            return self.left.pop() if self.left else None

    call_quantizer(prepared, out, Reader(), OnnxToOnnxInt8Options(reduce_range=bits == 7))
    made = onnx.load(out)
    for name, values in integers_of(model, largest).items():
        np.testing.assert_array_equal(initializer(made, f"{name}_quantized"), values, err_msg=name)
