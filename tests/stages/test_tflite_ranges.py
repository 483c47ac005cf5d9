"""Ranges of activations, read as litert-quantizer reads them, and files that come out the same by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from convertkit.artifacts.formats import Precision
from convertkit.artifacts.signature import Arrays, taken
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.graphs.tflite_file import operator_name, operators
from convertkit.quantization import equalization
from convertkit.samples.representative import calibration_steps
from convertkit.stages import litert_layers
from convertkit.stages.litert_layers import prepare_layers
from convertkit.stages.litert_quantization import Remarks, quantize
from convertkit.stages.litert_ranges import SIGNATURE, quantized
from convertkit.stages.litert_recipe import make_recipe
from convertkit.stages.tflite_heads import FLOAT, INT8, run_file
from convertkit.stages.tflite_inputs import equalize_inputs
from convertkit.stages.tflite_outputs import equalize_outputs, factors_of
from convertkit.stages.tflite_ranges import ends_of, has_one_graph, ranges_of
from tests.conftest import Lab, fixture_samples, sqnr_db

pytestmark = pytest.mark.slow

Made = tuple[bytes, list[Arrays]]


@pytest.fixture(scope="module")
def transformer(lab: Lab) -> Made:
    """The fixture as a float `.tflite`, and eight calls of it."""
    samples = fixture_samples("transformer")
    graph = lab.convert("torch_to_onnx", lab.fixture("transformer"), "onnx", samples)
    saved = lab.convert("onnx_to_savedmodel", graph, "savedmodel", samples, {"batch": "dynamic"})
    plain = lab.convert("savedmodel_to_tflite", saved, "tflite", samples)
    calls = calibration_steps(taken(saved.signature), {name: each[:8] for name, each in samples.items()})
    return plain.file.read_bytes(), list(calls)


def test_ranges_are_those_of_its_own_calibrator(transformer: Made) -> None:
    from litert_quantizer import calibrator
    from litert_quantizer.utils import qsv_utils

    content, calls = transformer
    recipe = make_recipe(Precision.INT8, SavedmodelToTfliteOptions(), (), weights_alone=False)
    own = calibrator.Calibrator(content, num_threads=1, qsv_update_func=qsv_utils.min_max_update)
    own.calibrate({SIGNATURE: calls}, recipe)
    assert has_one_graph(content)
    found, wanted = ranges_of(content, SIGNATURE, calls), own.get_model_qsvs()
    for name, ends in wanted.items():
        assert np.array_equal(found[name]["min"], ends["min"]), name
        assert np.array_equal(found[name]["max"], ends["max"]), name
    assert quantized(content, recipe, found) == quantized(content, recipe, wanted)


def test_scaled_outputs_compute_the_same(transformer: Made) -> None:
    content, calls = transformer
    made, count = equalize_outputs(content, SIGNATURE, calls, left=())
    assert count > 0
    before, after = run_file(content, calls), run_file(made, calls)
    for name in before[0]:
        wanted = np.stack([each[name] for each in before])
        found = np.stack([each[name] for each in after])
        assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()
    everything = set(ranges_of(content, SIGNATURE, calls[:1]))
    assert equalize_outputs(content, SIGNATURE, calls, left=everything) == (content, 0)


def test_scaled_inputs_compute_the_same(transformer: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equalization, "ENOUGH", np.inf)  # whatever it gains
    content, calls = transformer
    made, count = equalize_inputs(content, SIGNATURE, calls, (), 127)
    assert count > 2
    assert operators(made).count("MUL") == operators(content).count("MUL") + count
    before, after = run_file(content, calls), run_file(made, calls)
    for name in before[0]:
        wanted = np.stack([each[name] for each in before])
        found = np.stack([each[name] for each in after])
        assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()


def test_products_that_read_ranges_of_rows(transformer: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert_layers, "MOST_LOST", 0.0)
    monkeypatch.setattr(litert_layers, "WORTH", np.inf)
    content, calls = transformer
    ready = prepare_layers(content, SIGNATURE, calls, (), 127)
    assert len(ready.dynamic) == operators(content).count("FULLY_CONNECTED")
    assert (
        ready.notes[-1]
        == f"{len(ready.dynamic)} products with INT8 weights read the range of each row when they run"
    )
    options, remarks = SavedmodelToTfliteOptions(quantizer="litert", rounding="compensated"), Remarks()
    made = quantize(content, Precision.INT8, options, calls, remarks=remarks)
    assert set(ready.notes) <= set(remarks.notes)
    wanted, exact, found = (run_file(each, calls) for each in (content, ready.content, made))
    for name in wanted[0]:
        values, same, got = (np.stack([each[name] for each in rows]) for rows in (wanted, exact, found))
        assert np.abs(same - values).max() <= 1e-4 * np.abs(values).max()
        assert sqnr_db(values, got) > 35
    model: Any = schema.ModelT.InitFromPackedBuf(made, 0)
    (graph,) = model.subgraphs
    products = [one for one in graph.operators if kind_of(model, one) == "FULLY_CONNECTED"]
    assert all(one.builtinOptions.asymmetricQuantizeInputs for one in products)
    held = [[graph.tensors[place] for place in one.inputs[:2]] for one in products]
    assert {(values.type, weights.type) for values, weights in held} == {(FLOAT, INT8)}
    assert {len(weights.quantization.scale) for _, weights in held} == {1}


def kind_of(model: Any, operator: Any) -> str:
    return operator_name(model.operatorCodes[operator.opcodeIndex])


def test_values_of_masks_count_in_no_range() -> None:
    lowest = np.finfo(np.float32).min
    assert ends_of(np.array([lowest, -2.0, 3.0], np.float32)) == (-2.0, 3.0)
    assert ends_of(np.array([lowest], np.float32)) == (lowest, lowest)
    assert ends_of(np.array([2, -5])) == (-5, 2)


def test_factors_of_channels() -> None:
    assert factors_of(np.array([8.0, 1.0, 0.0])) == pytest.approx([1.0, 0.125, 1 / 256])
    assert factors_of(np.array([8.0, 7.9])) is None
    assert factors_of(np.zeros(3)) is None


def test_what_has_no_values_is_passed_over() -> None:
    class Cut(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32), tf.TensorSpec([], tf.int32)])
        def serve(self, x: Any, count: Any) -> Any:
            return {"y": tf.concat([x[:count] * 2.0, x], 0)}

    model = Cut()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([model.serve.get_concrete_function()], model)
    content = converter.convert()
    interpreter = tf.lite.Interpreter(model_content=content)
    names = list(interpreter.get_signature_list()[SIGNATURE]["inputs"])
    count = next(name for name in names if "x" not in name)
    call = {"x": np.ones((3, 4), np.float32), count: np.int32(0)}
    ends = ranges_of(content, SIGNATURE, [call])
    assert {float(each["max"].max()) for each in ends.values()} >= {1.0}
