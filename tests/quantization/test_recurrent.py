"""Recurrent layers in `tflite:int8`: INT8 weights and float states, in a file that is INT8 otherwise."""

import numpy as np
import onnx
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Precision
from convertkit.artifacts.signature import to_physical
from convertkit.artifacts.tensors import write_npz
from convertkit.artifacts.transformation import RECURRENT
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.graphs.tflite_file import read_operators
from convertkit.lowering import lower, write_savedmodel
from convertkit.registry import parse_variant
from convertkit.stages import Request, litert_quantization, savedmodel_to_tflite
from convertkit.stages.settled_savedmodel import has_loops
from convertkit.stages.tflite_recurrent import (
    INT8_WEIGHTS,
    find_recurrent,
    quantize_around,
    with_integer_weights,
)
from tests.quantization.models import graph, weights

pytestmark = pytest.mark.slow

HIDDEN, SIZE, LENGTH = 48, 32, 10
BESIDE_CONVOLUTION = """(float[{batch},6,10] x) => (float[{batch},5] y) {{
    c = Conv <pads=[1,1]> (x, kernel) r = Relu (c) t = Transpose <perm=[2,0,1]> (r)
    a, h, s = LSTM <hidden_size=48, direction="bidirectional"> (t, w, r2, b)
    turned = Transpose <perm=[1,0,2]> (h) flat = Reshape (turned, rows) y = MatMul (flat, head)
}}"""
WITH_LENGTHS = """(float[10,N,32] x, int32[N] lengths) => (float[10,2,N,48] a) {
    a = LSTM <hidden_size=48, direction="bidirectional"> (x, w, r2, b, lengths)
}"""
WITH_STATE = """(float[10,1,32] x, float[1,1,48] state) => (float[10,1,1,48] a, float[1,1,48] h) {
    a, h = GRU <hidden_size=48, linear_before_reset=1> (x, w, r2, b, , state)
}"""


def layer(gates, directions):
    """Constants of a recurrent layer."""
    return {
        "w": weights(directions, gates * HIDDEN, SIZE, seed=1, scale=0.3),
        "r2": weights(directions, gates * HIDDEN, HIDDEN, seed=2, scale=0.15),
        "b": weights(directions, 2 * gates * HIDDEN, seed=3, scale=0.1),
    }


def beside_convolution(batch):
    head = weights(2 * HIDDEN, 5, seed=5, scale=0.2)
    constants = {
        "kernel": weights(SIZE, 6, 3, seed=4, scale=0.2),
        "head": head,
        "rows": np.array([-1, 2 * HIDDEN]),
    }
    return graph(BESIDE_CONVOLUTION.format(batch=batch), **constants, **layer(4, 2))


def samples(model, count=48):
    """Seeded calls of a model, a batch of one each."""
    random = np.random.default_rng(7)
    calls = []
    for _ in range(count):
        call = {}
        for value in model.graph.input:
            shape = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
            is_float = value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
            drawn = random.normal(size=shape) if is_float else random.integers(2, LENGTH + 1, shape)
            call[value.name] = drawn.astype(np.float32 if is_float else np.int32)
        calls.append(call)
    return calls


def lowered(model, folder):
    """A float `.tflite`, and its samples: calibration, validation."""
    made = lower(model)
    write_savedmodel(made, folder)
    specs = made.signature.inputs
    calls = [
        {spec.runtime_name: to_physical(call[spec.name], spec) for spec in specs} for call in samples(model)
    ]
    return tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert(), calls[:32], calls[32:]


def outputs(content, calls):
    runner = tf.lite.Interpreter(model_content=content, num_threads=1).get_signature_runner("serving_default")
    return [np.concatenate([value.ravel() for value in runner(**call).values()]) for call in calls]


def decibels(content, plain, calls):
    wanted, got = (np.concatenate(outputs(each, calls)) for each in (plain, content))
    return 10 * np.log10(np.sum(wanted**2) / np.sum((wanted - got) ** 2))


def by_tensorflow(plain, steps):
    return quantize_around(plain, "serving_default", steps, per_channel=True)[0]


def by_litert(plain, steps):
    options, remarks = SavedmodelToTfliteOptions(quantizer="litert"), litert_quantization.Remarks()
    made = litert_quantization.quantize(plain, Precision.INT8, options, steps, remarks=remarks)
    assert [each.name for each in remarks.transformations] == [RECURRENT]
    return made


def scales_of(content):
    """How many scales the INT8 weights of float products have."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    tensors = [tensor for each in model.subgraphs for tensor in each.tensors]
    return {len(one.quantization.scale) for one in tensors if one.type == schema.TensorType.INT8}


@pytest.fixture(scope="module")
def recurrent(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recurrent") / "model"
    found = lowered(beside_convolution(request.param), folder)
    assert has_loops(str(folder)) == (request.param == "N")
    return found


@pytest.mark.parametrize(
    ("recurrent", "quantize"),
    [
        ("N", by_tensorflow),
        ("N", by_litert),
        ("1", by_tensorflow),
    ],  # by_litert: no value where a gate is unused
    indirect=["recurrent"],
)
def test_a_bidirectional_lstm_behind_a_convolution(quantize, recurrent):
    plain, steps, calls = recurrent
    made = quantize(plain, steps)
    assert decibels(made, plain, calls) > 25
    assert len(made) < 0.6 * len(plain)
    kinds = {one.kind for one in read_operators(made) if not one.is_float}
    assert "CONV_2D" in kinds
    assert not kinds & {"LOGISTIC", "TANH"}
    assert made == quantize(plain, steps)


@pytest.mark.parametrize(("text", "gates", "directions"), [(WITH_LENGTHS, 4, 2), (WITH_STATE, 3, 1)])
def test_lengths_and_states_as_inputs(text, gates, directions, tmp_path):
    plain, steps, calls = lowered(graph(text, **layer(gates, directions)), tmp_path / "model")
    made = by_tensorflow(plain, steps)
    assert decibels(made, plain, calls) > 30
    assert len(made) < 0.6 * len(plain)
    np.testing.assert_array_equal(*(outputs(made, calls[:1]) for _ in range(2)))  # nothing is kept


def test_the_stage_records_what_it_did(tmp_path):
    made = lower(graph(WITH_STATE, **layer(3, 1)))
    write_savedmodel(made, tmp_path / "model")
    arrays = {"x": np.zeros((10, 1, 32), np.float32), "state": np.zeros((1, 1, 48), np.float32)}
    write_npz(tmp_path / "samples.npz", {name: np.stack([each] * 2) for name, each in arrays.items()})
    source = Artifact(parse_variant("savedmodel"), str(tmp_path / "model"), made.signature)
    request = Request(
        source,
        parse_variant("tflite:int8"),
        SavedmodelToTfliteOptions(quantizer="tensorflow"),
        tmp_path / "model.tflite",
        tmp_path,
        tmp_path / "samples.npz",
        tmp_path / "samples.npz",
    )
    done = savedmodel_to_tflite.convert(request)
    assert [each.name for each in done.transformations] == [RECURRENT]
    assert INT8_WEIGHTS in done.notes


@pytest.mark.parametrize("recurrent", ["N"], indirect=True)
def test_weights_have_one_scale_and_may_be_left(recurrent):
    plain = recurrent[0]
    given = {name for one in find_recurrent(plain) for name in one.outputs}
    left, all_of_them = (with_integer_weights(plain, names) for names in (given, ()))
    assert len(left) > 0.9 * len(plain) > 2 * len(all_of_them)
    assert scales_of(all_of_them) == {1}
