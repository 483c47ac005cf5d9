"""ONNX → ONNX INT8, judged by ONNX Runtime against the float graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.errors import StageError
from convertkit.registry import parse_variant
from convertkit.workers.jobs import ConvertJob
from tests.conftest import FIXTURES, Lab, fixture_samples, sqnr_db

pytestmark = pytest.mark.slow

STAGE, TARGET = "onnx_to_onnx_int8", "onnx:int8"
FLOORS_DB = {"digits": 26.0, "mlp": 35.0, "two_inputs": 28.0, "transformer": 25.0}


@pytest.fixture(scope="module")
def graphs(lab: Lab) -> dict[str, Artifact]:
    """The fixtures as float ONNX."""
    return {
        name: lab.convert("torch_to_onnx", lab.fixture(name), "onnx", fixture_samples(name))
        for name in FLOORS_DB
    }


def made(lab: Lab, graphs: dict[str, Artifact], name: str, **options: Any) -> Artifact:
    """A fixture in INT8, calibrated on half of its samples, at most 64."""
    samples = fixture_samples(name)
    count = min(64, len(next(iter(samples.values()))) // 2)
    few = {key: values[:count] for key, values in samples.items()}
    return lab.convert(STAGE, graphs[name], TARGET, few, options)


@pytest.mark.parametrize("name", list(FLOORS_DB))
def test_it_agrees_at_several_batches_on_samples_that_calibration_never_saw(
    lab: Lab, graphs: dict[str, Artifact], name: str
) -> None:
    artifact = made(lab, graphs, name)
    assert artifact.signature == graphs[name].signature
    rest = {key: values[-16:] for key, values in fixture_samples(name).items()}
    for chunk in (1, 3, 16):
        wanted, got = lab.infer(graphs[name], rest, chunk), lab.infer(artifact, rest, chunk)
        for key in wanted:
            assert sqnr_db(wanted[key], got[key]) > FLOORS_DB[name], (chunk, key)


def test_accuracy_on_held_out_digits_falls_by_less_than_a_point(
    lab: Lab, graphs: dict[str, Artifact]
) -> None:
    held_out = {"image": fixture_samples("digits")["image"][64:]}
    labels = np.load(FIXTURES / "digits" / "samples.npz")["labels"][64:]
    right = [
        float(np.mean(lab.infer(artifact, held_out)["output"].argmax(axis=1) == labels))
        for artifact in (graphs["digits"], made(lab, graphs, "digits"))
    ]
    assert right[0] - right[1] <= 0.01


def test_weights_are_integers_in_standard_operators_at_the_same_opset(
    lab: Lab, graphs: dict[str, Artifact]
) -> None:
    artifact = made(lab, graphs, "mlp")
    model = onnx.load(artifact.path)
    assert {item.domain for item in model.opset_import} == {""}
    assert model.opset_import[0].version == 20
    operators = {node.op_type for node in model.graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators
    assert not any(op.startswith("QLinear") for op in operators)
    weights = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 2]
    assert {tensor.data_type for tensor in weights} == {TensorProto.INT8}
    assert artifact.size_bytes < 0.30 * graphs["mlp"].size_bytes


def test_two_runs_give_the_same_bytes(lab: Lab, graphs: dict[str, Artifact]) -> None:
    assert made(lab, graphs, "digits").sha256 == made(lab, graphs, "digits").sha256


@pytest.mark.parametrize("reduce_range", [True, False])
def test_weights_are_in_7_bits_unless_8_are_asked_for(
    lab: Lab, graphs: dict[str, Artifact], reduce_range: bool
) -> None:
    """By what the file holds: what 8 bits give depends on the CPU, and is wrong on some."""
    options = {} if reduce_range else {"reduce_range": False}
    model = onnx.load(made(lab, graphs, "digits", **options).path)
    weights = [
        numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.INT8 and len(tensor.dims) > 1
    ]
    largest = max(int(np.abs(values.astype(np.int16)).max()) for values in weights)
    assert largest <= 64 if reduce_range else largest > 64


def test_percentile_calibration_makes_a_sound_artifact(lab: Lab, graphs: dict[str, Artifact]) -> None:
    artifact = made(lab, graphs, "digits", calibration="percentile")
    assert artifact.sha256 != made(lab, graphs, "digits").sha256
    few = {"image": fixture_samples("digits")["image"][-32:]}
    wanted, got = lab.infer(graphs["digits"], few), lab.infer(artifact, few)
    assert sqnr_db(wanted["output"], got["output"]) > 22


def test_per_tensor_has_one_scale_a_weight(lab: Lab, graphs: dict[str, Artifact]) -> None:
    sizes = {}
    for per_channel in (True, False):
        model = onnx.load(made(lab, graphs, "mlp", per_channel=per_channel).path)
        tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        scales = [
            tensors[node.input[1]]
            for node in model.graph.node
            if node.op_type == "DequantizeLinear"
            and node.input[0] in tensors
            and len(tensors[node.input[0]].dims) == 2
        ]
        sizes[per_channel] = {int(np.prod(scale.dims)) for scale in scales}
    assert sizes == {True: {512, 10}, False: {1}}


def test_a_graph_without_anything_to_quantize_is_refused(lab: Lab) -> None:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Erf", ["x"], ["y"])], "g", value[:1], value[1:])
    path = lab.path("erf.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    spec = tuple(TensorSpec(name, "float32", ("batch", 4)) for name in ("x", "y"))
    source = Artifact(Variant(Format.ONNX), str(path), Signature(spec[:1], spec[1:]))
    with pytest.raises(StageError, match=r"nothing in this graph could be quantized: it has Erf"):
        lab.convert(STAGE, source, TARGET, {"x": np.ones((4, 4), np.float32)})


def test_without_calibration_samples_it_is_refused(lab: Lab, graphs: dict[str, Artifact]) -> None:
    scratch, out = lab.path("scratch"), lab.path("model.int8.onnx")
    scratch.mkdir()
    job = ConvertJob(STAGE, graphs["mlp"], parse_variant(TARGET), {}, str(out), str(scratch), "")
    with pytest.raises(StageError, match="needs calibration samples"):
        lab.workers.ask("onnx", job, "lab.log")
    assert not Path(out).exists()
