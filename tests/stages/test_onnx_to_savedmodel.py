"""ONNX → SavedModel by both converters, judged by TensorFlow against ONNX Runtime."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format
from convertkit.errors import StageError
from convertkit.registry import parse_variant
from convertkit.workers.jobs import DescribeJob
from tests.conftest import Lab, fixture_samples, sqnr_db

pytestmark = pytest.mark.slow

LIBRARY = {"converter": "onnx2tf"}


@pytest.fixture(scope="module")
def graphs(lab: Lab) -> dict[str, Artifact]:
    """The fixtures as ONNX."""
    return {
        name: lab.convert("torch_to_onnx", lab.fixture(name), "onnx", fixture_samples(name))
        for name in ("digits", "mlp", "transformer", "two_inputs")
    }


def made(lab: Lab, graphs: dict[str, Artifact], name: str, **options: Any) -> Artifact:
    """A fixture's SavedModel."""
    return lab.convert(
        "onnx_to_savedmodel", graphs[name], "savedmodel", fixture_samples(name), LIBRARY | options
    )


@pytest.mark.parametrize("name", ["digits", "mlp", "two_inputs"])
def test_dynamic_batch_agrees_at_several_sizes(lab: Lab, graphs: dict[str, Artifact], name: str) -> None:
    artifact = made(lab, graphs, name, batch="dynamic")
    for count in (1, 3, 5):
        few = {key: values[:count] for key, values in fixture_samples(name).items()}
        wanted, got = lab.infer(graphs[name], few), lab.infer(artifact, few)
        assert all(sqnr_db(wanted[key], got[key]) > 80 for key in wanted)


@pytest.mark.parametrize("name", ["digits", "mlp", "transformer", "two_inputs"])
@pytest.mark.parametrize("layout", ["auto", "source", "channels-last"])
def test_tracked_keeps_every_batch_dynamic(
    lab: Lab, graphs: dict[str, Artifact], name: str, layout: str
) -> None:
    artifact = made(lab, graphs, name, converter="tracked", layout=layout)
    assert artifact.signature.inputs[0].shape[0] == "batch"
    for count in (1, 3):
        few = {key: values[:count] for key, values in fixture_samples(name).items()}
        wanted, got = lab.infer(graphs[name], few), lab.infer(artifact, few)
        assert all(sqnr_db(wanted[key], got[key]) > 80 for key in wanted)


def test_onnx2tf_needs_a_static_batch_for_the_transformer(lab: Lab, graphs: dict[str, Artifact]) -> None:
    with pytest.raises(StageError, match="onnx2tf failed"):
        made(lab, graphs, "transformer", batch="dynamic")
    artifact = made(lab, graphs, "transformer", batch="static")
    assert artifact.signature.inputs[0].shape == (1, 16, 64)
    few = {"tokens": fixture_samples("transformer")["tokens"][:3]}
    assert sqnr_db(lab.infer(graphs["transformer"], few)["output"], lab.infer(artifact, few)["output"]) > 80


def test_images_become_channels_last_only_where_a_convolution_reads_them(
    lab: Lab, graphs: dict[str, Artifact]
) -> None:
    auto = made(lab, graphs, "two_inputs", batch="dynamic")
    kept = made(lab, graphs, "two_inputs", batch="dynamic", layout="source")
    assert auto.signature.input("image").shape == ("batch", 16, 16, 3)
    assert auto.signature.input("image").axis_order == (0, 2, 3, 1)
    assert auto.signature.input("features").axis_order is None
    assert kept.signature.input("image").shape == ("batch", 3, 16, 16)
    few = {key: values[:3] for key, values in fixture_samples("two_inputs").items()}
    wanted = lab.infer(graphs["two_inputs"], few)
    for artifact in (auto, kept):
        got = lab.infer(artifact, few)
        assert all(sqnr_db(wanted[key], got[key]) > 80 for key in wanted)


def test_folder_is_what_tf_serving_loads(lab: Lab, graphs: dict[str, Artifact]) -> None:
    artifact = made(lab, graphs, "two_inputs", batch="dynamic")
    assert {"saved_model.pb", "variables"} <= set(os.listdir(artifact.path))
    assert not (Path(artifact.path) / "fingerprint.pb").exists()
    read = lab.describe(DescribeJob(Format.SAVEDMODEL, artifact.path)).signature
    assert {spec.name for spec in read.inputs} == {"image", "features"}
    assert {spec.name for spec in read.outputs} == {"boxes", "scores"}


def test_the_graph_given_is_not_changed(lab: Lab, graphs: dict[str, Artifact]) -> None:
    before = Path(graphs["mlp"].path).read_bytes()
    made(lab, graphs, "mlp", batch="dynamic")
    assert Path(graphs["mlp"].path).read_bytes() == before


def test_what_the_worker_did_before_leaves_no_trace(lab: Lab, graphs: dict[str, Artifact]) -> None:
    """TensorFlow numbers the functions of a process; onnx2tf's own names are left as they come."""
    first, second = (made(lab, graphs, "mlp", converter="tracked", batch="dynamic") for _ in range(2))
    assert first.sha256 == second.sha256
    samples = fixture_samples("mlp")
    wanted, got = lab.infer(graphs["mlp"], samples), lab.infer(second, samples)
    assert all(sqnr_db(wanted[name], got[name]) > 80 for name in wanted)


def test_onnx2tf_downloads_nothing(lab: Lab) -> None:
    """For a free height and width it would fetch sample pictures."""
    weight = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")
    shape = ["batch", 3, "height", "width"]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w"], ["output"], pads=[1, 1, 1, 1])],
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 4, "height", "width"])],
        [weight],
    )
    path = lab.path("model.onnx")
    onnx.save_model(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path
    )
    signature = lab.describe(DescribeJob(Format.ONNX, str(path))).signature
    source = Artifact(parse_variant("onnx"), str(path), signature, "x")
    samples = {"image": np.random.default_rng(0).normal(size=(4, 3, 16, 24)).astype(np.float32)}
    artifact = lab.convert(
        "onnx_to_savedmodel", source, "savedmodel", samples, LIBRARY | {"batch": "dynamic"}
    )
    wanted, got = lab.infer(source, samples), lab.infer(artifact, samples)
    assert sqnr_db(wanted["output"], got["output"]) > 80


SQUEEZES = """
<ir_version: 8, opset_import: ["" : 17]> g (float[batch,t] x) => (float[a] y)
<int64[1] one = {1}>
{
    size = Shape <start = 1> (x)
    is_one = Equal(size, one)
    y = If (is_one) <
        then_branch = then () => (float[k] u) { u = Squeeze(x, one) },
        else_branch = otherwise () => (float[k,l] v) { v = Identity(x) }
    >
}
"""


def test_a_length_that_decides_an_if_is_fixed_as_in_the_samples_and_the_batch_is_kept(lab: Lab) -> None:
    path = lab.path("squeezes.onnx")
    onnx.save(onnx.parser.parse_model(SQUEEZES), path)
    source = Artifact(
        parse_variant("onnx"), str(path), lab.describe(DescribeJob(Format.ONNX, str(path))).signature, "", 0
    )
    x = np.random.default_rng(0).standard_normal((8, 1)).astype(np.float32)
    made = lab.convert("onnx_to_savedmodel", source, "savedmodel", {"x": x})
    assert made.signature.inputs[0].shape == ("batch", 1)
    for count in (1, 3):
        np.testing.assert_array_equal(lab.infer(made, {"x": x[:count]})["y"], x[:count, 0])
