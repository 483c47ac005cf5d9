"""SavedModel → TFLite, judged by LiteRT against TensorFlow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Variant
from convertkit.errors import StageError, WorkerCrashedError
from convertkit.workers.jobs import DescribeJob
from tests.conftest import Lab, fixture_samples, sqnr_db

pytestmark = pytest.mark.slow

QUANTIZED = ("int8-dynamic", "int8", "int16x8")
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


@pytest.mark.parametrize(
    ("precision", "quantizer"),
    [*((name, "tensorflow") for name in FLOORS_DB), *((name, "litert") for name in QUANTIZED)],
)
def test_every_precision_agrees_at_several_batches(
    lab: Lab, saved: dict[str, Artifact], precision: str, quantizer: str
) -> None:
    artifact = made(lab, saved, "two_inputs", precision, quantizer=quantizer)
    assert {spec.dtype for spec in (*artifact.signature.inputs, *artifact.signature.outputs)} == {"float32"}
    for count in (1, 3, 16):
        few = {key: values[:count] for key, values in fixture_samples("two_inputs").items()}
        wanted, got = lab.infer(saved["two_inputs"], few), lab.infer(artifact, few)
        for key in wanted:
            assert sqnr_db(wanted[key], got[key]) > FLOORS_DB[precision], (count, key)


@pytest.mark.parametrize("quantizer", ["tensorflow", "litert"])
@pytest.mark.parametrize("io", ["int8", "uint8"])
def test_integer_io_differs_from_float_io_by_less_than_a_step(
    lab: Lab, saved: dict[str, Artifact], io: str, quantizer: str
) -> None:
    few = {"image": fixture_samples("digits")["image"][:32]}
    plain = made(lab, saved, "digits", "int8", quantizer=quantizer, ranges="minmax")
    integer = made(lab, saved, "digits", "int8", io=io, quantizer=quantizer, ranges="minmax")
    output = integer.signature.outputs[0]
    assert {s.dtype for s in (*integer.signature.inputs, output)} == {io}
    assert output.scale is not None
    error = np.abs(lab.infer(plain, few)["output"] - lab.infer(integer, few)["output"]).max()
    assert error <= output.scale * 1.001


def test_int8_without_calibration_is_refused(lab: Lab, saved: dict[str, Artifact]) -> None:
    source = saved["digits"]
    scratch, out = lab.path("scratch"), lab.path("model.int8.tflite")
    scratch.mkdir()
    from convertkit.registry import parse_variant
    from convertkit.workers.jobs import ConvertJob

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


def test_weights_outside_the_flatbuffer_are_brought_in(lab: Lab) -> None:
    """The second quantizer writes large weights behind the flatbuffer, where older readers find none."""
    samples = fixture_samples("mlp")
    graph = lab.convert("torch_to_onnx", lab.fixture("mlp"), "onnx", samples)
    saved = lab.convert("onnx_to_savedmodel", graph, "savedmodel", samples, {"batch": "dynamic"})
    options = {"quantizer": "litert", "io": "int8"}
    artifact = lab.convert("savedmodel_to_tflite", saved, "tflite:int8", samples, options)
    few = {name: values[:32] for name, values in samples.items()}
    wanted, got = lab.infer(saved, few), lab.infer(artifact, few)
    assert all(sqnr_db(wanted[name], got[name]) > 30 for name in wanted)
    assert all(buffer.offset == 0 for buffer in read_model(artifact).buffers)


def test_the_second_quantizer_leaves_float_what_has_no_integer_kernel(
    lab: Lab, saved: dict[str, Artifact]
) -> None:
    kinds = tensor_types(made(lab, saved, "digits", "int16x8", quantizer="litert"))
    assert kinds["HARD_SWISH"] == {"FLOAT32"}
    assert kinds["CONV_2D"] == {"INT16"}


@pytest.mark.parametrize("pattern", ["HARD_SWISH", None], ids=["by kind", "by the name of a tensor"])
def test_an_excluded_operator_stays_float(lab: Lab, saved: dict[str, Artifact], pattern: str | None) -> None:
    plain = made(lab, saved, "digits", "int8", quantizer="litert")
    assert tensor_types(plain)["HARD_SWISH"] == {"INT8"}
    chosen = pattern or f"^{re.escape(outputs_of(made(lab, saved, 'digits', 'float32'), 'MEAN')[0])}$"
    kind = pattern or "MEAN"
    artifact = made(lab, saved, "digits", "int8", quantizer="litert", exclude=[chosen])
    kinds = tensor_types(artifact)
    assert kinds[kind] == {"FLOAT32"}
    assert [name for name, types in kinds.items() if types == {"FLOAT32"} and name != "DEQUANTIZE"] == [kind]
    few = {"image": fixture_samples("digits")["image"][:64]}
    wanted = lab.infer(saved["digits"], few)["output"]
    assert sqnr_db(wanted, lab.infer(artifact, few)["output"]) > 25


def test_a_pattern_that_matches_nothing_is_an_error(lab: Lab, saved: dict[str, Artifact]) -> None:
    with pytest.raises(StageError, match=r"'no_such_thing' matches no operator; kinds here: .*CONV_2D"):
        made(lab, saved, "digits", "int8", exclude=["no_such_thing"])


def read_model(artifact: Artifact) -> Any:
    """The file as objects, by LiteRT's own reader."""
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromPackedBuf(Path(artifact.path).read_bytes(), 0)


def uses(artifact: Artifact) -> list[tuple[str, list[Any]]]:
    """Kind and output tensors of every operator."""
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    model = read_model(artifact)
    codes = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
    return [
        (codes[op.opcodeIndex], [graph.tensors[index] for index in op.outputs])
        for graph in model.subgraphs
        for op in graph.operators
    ]


def tensor_types(artifact: Artifact) -> dict[str, set[str]]:
    """Types of the first outputs of all operators of a kind."""
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)}
    found: dict[str, set[str]] = {}
    for kind, outputs in uses(artifact):
        found.setdefault(kind, set()).add(names[outputs[0].type])
    return found


def outputs_of(artifact: Artifact, kind: str) -> list[str]:
    """Names of the output tensors of a kind."""
    return [tensors[0].name.decode() for name, tensors in uses(artifact) if name == kind]


@pytest.mark.parametrize(
    ("kind", "told", "advice"),
    [
        ("float16", r"half precision \(float16\)", "ONNX"),
        ("float64", r"double precision \(float64\)", "float32"),
    ],
)
def test_a_foreign_savedmodel_in_another_precision_is_told_to_be_one(
    lab: Lab, kind: str, told: str, advice: str
) -> None:
    tf = pytest.importorskip("tensorflow")
    samples = {"x": np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32)}
    weights = np.random.default_rng(1).standard_normal((8, 4)).astype(kind)

    def serve(x: Any) -> Any:
        return {"y": tf.cast(tf.matmul(tf.cast(x, kind), weights), tf.float32)}

    module, path = tf.Module(), lab.path(f"{kind}.savedmodel")
    module.serve = tf.function(serve, input_signature=[tf.TensorSpec([None, 8], name="x")])
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    described = lab.describe(DescribeJob(Format.SAVEDMODEL, str(path)))
    source = Artifact(Variant(Format.SAVEDMODEL), str(path), described.signature)
    with pytest.raises(StageError, match=told) as caught:
        lab.convert("savedmodel_to_tflite", source, "tflite:float32", samples)
    assert advice in caught.value.hint


def test_a_graph_in_half_precision_is_lowered_to_float32(lab: Lab) -> None:
    samples = {"x": np.random.default_rng(0).standard_normal((6, 1, 8)).astype(np.float16)}
    path = lab.path("half.onnx")
    torch.onnx.export(
        torch.nn.Conv1d(1, 4, 3).half().eval(), (torch.from_numpy(samples["x"]),), str(path), dynamo=False
    )
    described = lab.describe(DescribeJob(Format.ONNX, str(path)))
    source = Artifact(Variant(Format.ONNX), str(path), described.signature)  # which is not told to be half
    name, output = described.signature.inputs[0].name, described.signature.outputs[0].name
    savedmodel = lab.convert("onnx_to_savedmodel", source, "savedmodel", {name: samples["x"]})
    made = lab.convert("savedmodel_to_tflite", savedmodel, "tflite:float32", {name: samples["x"]})
    wanted, got = (lab.infer(each, {name: samples["x"]}) for each in (source, made))
    assert sqnr_db(wanted[output], got[output]) > 55  # ONNX Runtime rounds to float16
