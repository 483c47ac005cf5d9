"""Free axes and names as odd writers of ONNX have them, through every stage that takes ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.signature import Arrays
from convertkit.graphs.onnx_graph import fix_axes
from convertkit.workers.jobs import DescribeJob
from tests.conftest import Lab, sqnr_db

RANDOM = np.random.default_rng(0)
WEIGHT = RANDOM.standard_normal((3, 4)).astype(np.float32)
SAMPLES: Arrays = {"x": RANDOM.standard_normal((32, 5, 3)).astype(np.float32)}
GRAPH = "g (float[n,t,3] x) => (float[n,t,4] y) { a = MatMul(x, w) y = Relu(a) }"


def graph(first: Any, second: Any) -> onnx.ModelProto:
    """A product whose first two axes are written so."""
    model = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 17]> {GRAPH}')
    model.graph.initializer.append(numpy_helper.from_array(WEIGHT, "w"))
    for value in (model.graph.input[0], model.graph.output[0]):
        for dim, size in zip(value.type.tensor_type.shape.dim, (first, second), strict=False):
            dim.Clear()
            if isinstance(size, int):
                dim.dim_value = size
            elif size is not None:
                dim.dim_param = size
    return model


def opened(lab: Lab, model: onnx.ModelProto) -> Artifact:
    path = lab.path("odd.onnx")
    onnx.save(model, path)
    described = lab.describe(DescribeJob(Format.ONNX, str(path)))
    return Artifact(Variant(Format.ONNX), str(path), described.signature, *hash_path(path))


ODD = [(-1, -1), (0, 0), ("", "?"), ("?", "?"), (None, -1), ("None", "-1"), ("batch size", "t - 1")]


@pytest.mark.slow
@pytest.mark.parametrize("axes", ODD)
def test_what_is_no_size_is_free(lab: Lab, axes: tuple[Any, Any]) -> None:
    source = opened(lab, graph(*axes))
    free = axes if axes == ("batch size", "t - 1") else ("batch", "x_1")
    assert source.signature.inputs[0].shape == (*free, 3)
    saved = lab.convert("onnx_to_savedmodel", source, "savedmodel", SAMPLES)
    made = [
        saved,
        lab.convert("savedmodel_to_tflite", saved, "tflite", SAMPLES),
        lab.convert("onnx_to_onnx_int8", source, "onnx:int8", SAMPLES),
    ]
    for count, length in ((1, 5), (3, 2)):
        few = {"x": SAMPLES["x"][:count, :length].copy()}
        wanted = np.maximum(few["x"] @ WEIGHT, 0)
        for artifact, least in zip([source, *made], (100, 100, 100, 20), strict=True):
            assert sqnr_db(wanted, lab.infer(artifact, few, count)["y"]) > least


NAMES = [("my input:0", "out put/1:0"), ("/in/x", "/out/y"), ("1", "y.1"), ("x::a b", "import")]


@pytest.mark.slow
@pytest.mark.parametrize("names", NAMES)
def test_names_of_any_characters(lab: Lab, names: tuple[str, str]) -> None:
    model = graph("n", "t")
    model.graph.input[0].name = model.graph.node[0].input[0] = names[0]
    model.graph.output[0].name = model.graph.node[1].output[0] = names[1]
    model.graph.node[0].output[0] = model.graph.node[1].input[0] = "in ner:0/a"
    source, samples = opened(lab, model), {names[0]: SAMPLES["x"]}
    saved = lab.convert("onnx_to_savedmodel", source, "savedmodel", samples)
    for artifact in (saved, lab.convert("savedmodel_to_tflite", saved, "tflite", samples)):
        got = lab.infer(artifact, samples)[names[1]]
        assert sqnr_db(np.maximum(SAMPLES["x"] @ WEIGHT, 0), got) > 100


def test_axes_without_a_name_are_fixed_each_by_its_own_size(tmp_path: Path) -> None:
    model = graph(-1, "?")
    fix_axes(model, {"x": (2, 5, 3)})
    assert [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim] == [2, 5, 3]
