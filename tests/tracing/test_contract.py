"""One suite for every tracer: the last tensor is the output, names lead to tensors, values are real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays, to_physical
from convertkit.attribution.match import match
from convertkit.attribution.trace import Trace, take_trace
from convertkit.errors import NotMeasuredError
from tests.conftest import Lab, fixture_samples, sqnr_db

pytestmark = pytest.mark.slow
CULPRIT = "features.3.layers.0"


@pytest.fixture(scope="module")
def few() -> Arrays:
    return {"image": fixture_samples("digits")["image"][:8]}


@pytest.fixture(scope="module")
def artifacts(lab: Lab) -> dict[str, Artifact]:
    """The digits in every format, and the INT8 that can be looked into."""
    samples = fixture_samples("digits")
    source = lab.fixture("digits")
    graph = lab.convert("torch_to_onnx", source, "onnx", samples)
    saved = lab.convert("onnx_to_savedmodel", graph, "savedmodel", samples)
    made = [
        lab.convert("savedmodel_to_tflite", saved, target, samples) for target in ("tflite", "tflite:int8")
    ]
    quantized = lab.convert("onnx_to_onnx_int8", graph, "onnx:int8", samples)
    every = [source, graph, saved, *made, quantized]
    every.append(lab.fixture("digits", "model.state_dict.pt", "state-dict"))
    return {f"{each.variant}{'/module' if each.path.endswith('dict.pt') else ''}": each for each in every}


NAMES = (
    "torch:float32",
    "torch:float32/module",
    "onnx:float32",
    "savedmodel:float32",
    "tflite:float32",
    "tflite:int8",
    "onnx:int8",
)


def traced(lab: Lab, artifact: Artifact, samples: Arrays) -> Trace:
    scratch = lab.path("trace")
    scratch.mkdir()
    return take_trace(artifact, lab.write(samples), lab.workers, scratch, "trace")


@pytest.mark.parametrize("name", NAMES)
def test_the_last_tensor_is_the_output_and_the_first_the_input(
    lab: Lab, artifacts: dict[str, Artifact], few: Arrays, name: str
) -> None:
    artifact = artifacts[name]
    trace = traced(lab, artifact, few)
    wanted = lab.infer(artifact, few)["output"]
    got = trace.value(len(trace.tensors) - 1)
    assert sqnr_db(wanted, got) > (20 if "int8" in name else 100)
    assert trace.tensors[0].name == "image"
    first = to_physical(few["image"], artifact.signature.inputs[0])
    assert sqnr_db(first, trace.value(0)) > 20
    known = set(trace.positions)
    assert len(known) == len(trace.tensors), "names are told apart"
    assert all(set(tensor.inputs) <= known for tensor in trace.tensors)
    assert all(trace.value(place).dtype == np.float32 for place in range(len(trace.tensors)))


@pytest.mark.parametrize("name", ["torch:float32", "torch:float32/module", "onnx:float32"])
def test_modules_are_named_as_in_pytorch(
    lab: Lab, artifacts: dict[str, Artifact], few: Arrays, name: str
) -> None:
    """Also the convolutions that a BatchNorm was folded into."""
    modules = {tensor.module for tensor in traced(lab, artifacts[name], few).tensors}
    assert {CULPRIT, "classifier"} <= modules


def test_integers_are_told_from_floats(lab: Lab, artifacts: dict[str, Artifact], few: Arrays) -> None:
    for name in ("tflite:int8", "onnx:int8"):
        assert sum(tensor.is_quantized for tensor in traced(lab, artifacts[name], few).tensors) > 10
    assert not any(tensor.is_quantized for tensor in traced(lab, artifacts["tflite:float32"], few).tensors)


@pytest.mark.parametrize(
    ("candidate", "reference"),
    [
        ("onnx:float32", "torch:float32"),
        ("savedmodel:float32", "onnx:float32"),
        ("tflite:float32", "savedmodel:float32"),
        ("tflite:int8", "tflite:float32"),
        ("onnx:int8", "onnx:float32"),
    ],
)
def test_neighbours_have_counterparts_that_agree(
    lab: Lab, artifacts: dict[str, Artifact], few: Arrays, candidate: str, reference: str
) -> None:
    made, before = (traced(lab, artifacts[name], few) for name in (candidate, reference))
    found = match(before, made)
    assert len(found) >= 0.6 * min(len(made.tensors), len(before.tensors))
    limit = 10 if "int8" in candidate else 90
    for position, each in found.items():
        wanted = before.value(each.reference).transpose(each.order)
        assert sqnr_db(wanted, made.value(position)) > limit, made.tensors[position].name


def test_torchscript_cannot_be_looked_into(lab: Lab, few: Arrays, tmp_path: Path) -> None:
    artifact = lab.fixture("digits", "model.torchscript.pt", "torchscript")
    with pytest.raises(NotMeasuredError, match="TorchScript"):
        take_trace(artifact, lab.write(few), lab.workers, tmp_path, "trace")
