"""SavedModel → TFLite, judged by LiteRT against TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convertkit.artifact import Artifact
from convertkit.errors import StageError, WorkerCrashedError
from tests.conftest import Lab, fixture_samples, sqnr_db

pytestmark = pytest.mark.slow

FLOORS_DB = {"float32": 100.0, "float16": 50.0, "int8-dynamic": 35.0, "int8": 25.0, "int16x8": 35.0}


@pytest.fixture(scope="module")
def saved(lab: Lab) -> dict[str, Artifact]:
    """Two fixtures as SavedModels with a dynamic batch."""
    models = {}
    for name in ("digits", "two_inputs"):
        samples = fixture_samples(name)
        graph = lab.convert("torch_to_onnx", lab.fixture(name), "onnx", samples)
        models[name] = lab.convert("onnx_to_savedmodel", graph, "savedmodel", samples, {"batch": "dynamic"})
    return models


def made(lab: Lab, saved: dict[str, Artifact], name: str, precision: str, **options: Any) -> Artifact:
    """A fixture's TFLite file."""
    samples = {key: values[:64] for key, values in fixture_samples(name).items()}
    target = "tflite:float32" if precision == "float32" else f"tflite:{precision}"
    return lab.convert("savedmodel_to_tflite", saved[name], target, samples, options)


@pytest.mark.parametrize("precision", list(FLOORS_DB))
def test_every_precision_agrees_at_several_batches(
    lab: Lab, saved: dict[str, Artifact], precision: str
) -> None:
    artifact = made(lab, saved, "two_inputs", precision)
    assert {spec.dtype for spec in (*artifact.signature.inputs, *artifact.signature.outputs)} == {"float32"}
    for count in (1, 3, 16):
        few = {key: values[:count] for key, values in fixture_samples("two_inputs").items()}
        wanted, got = lab.infer(saved["two_inputs"], few), lab.infer(artifact, few)
        for key in wanted:
            assert sqnr_db(wanted[key], got[key]) > FLOORS_DB[precision], (count, key)


@pytest.mark.parametrize("io", ["int8", "uint8"])
def test_integer_io_differs_from_float_io_by_less_than_a_step(
    lab: Lab, saved: dict[str, Artifact], io: str
) -> None:
    few = {"image": fixture_samples("digits")["image"][:32]}
    plain = made(lab, saved, "digits", "int8")
    integer = made(lab, saved, "digits", "int8", io=io)
    output = integer.signature.outputs[0]
    assert {s.dtype for s in (*integer.signature.inputs, output)} == {io}
    assert output.scale is not None
    error = np.abs(lab.infer(plain, few)["output"] - lab.infer(integer, few)["output"]).max()
    assert error <= output.scale * 1.001


def test_int8_without_calibration_is_refused(lab: Lab, saved: dict[str, Artifact]) -> None:
    source = saved["digits"]
    scratch, out = lab.path("scratch"), lab.path("model.int8.tflite")
    scratch.mkdir()
    from convertkit.formats import parse_variant
    from convertkit.jobs import ConvertJob

    job = ConvertJob(
        "savedmodel_to_tflite", source, parse_variant("tflite:int8"), {}, str(out), str(scratch), ""
    )
    with pytest.raises(StageError, match="needs calibration samples"):
        lab.workers.ask("tf", job, "lab.log")
    assert not out.exists()


def test_int16x8_names_the_operator_that_has_none(lab: Lab, saved: dict[str, Artifact]) -> None:
    with pytest.raises(StageError, match="HARD_SWISH"):
        made(lab, saved, "digits", "int16x8")


def test_a_crash_of_the_converter_is_one_typed_error(lab: Lab) -> None:
    samples = fixture_samples("transformer")
    graph = lab.convert("torch_to_onnx", lab.fixture("transformer"), "onnx", samples)
    options = {"converter": "onnx2tf", "batch": "static"}
    saved = lab.convert("onnx_to_savedmodel", graph, "savedmodel", samples, options)
    with pytest.raises(WorkerCrashedError, match="SIGABRT"):
        lab.convert("savedmodel_to_tflite", saved, "tflite:int16x8", samples)
    assert lab.convert("savedmodel_to_tflite", saved, "tflite", samples).size_bytes > 0


def test_per_tensor_weights_are_coarser(lab: Lab, saved: dict[str, Artifact]) -> None:
    few = {"image": fixture_samples("digits")["image"][:64]}
    wanted = lab.infer(saved["digits"], few)["output"]
    fine = lab.infer(made(lab, saved, "digits", "int8"), few)["output"]
    coarse = lab.infer(made(lab, saved, "digits", "int8", per_channel=False), few)["output"]
    assert sqnr_db(wanted, coarse) < sqnr_db(wanted, fine)
