"""What ONNX Runtime's adapter reads from a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from convertkit.artifacts.formats import Format
from convertkit.errors import ModelFileError, NotMeasuredError
from convertkit.registry import parse_variant
from convertkit.runtimes import counted
from convertkit.runtimes.onnxruntime import operators_of, read_signature
from convertkit.workers.jobs import DescribeJob, InferJob
from tests.conftest import Lab

pytestmark = pytest.mark.slow


def scaling_model(path: Path, *, external: bool = False) -> Path:
    """y = x * w, x of shape [rows, 3]."""
    weight = numpy_helper.from_array(np.arange(1, 4, dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 3])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    if external:
        options = {"location": "weights.bin", "size_threshold": 0}
        onnx.save_model(model, path, save_as_external_data=True, **options)
    else:
        onnx.save_model(model, path)
    return path


def test_external_data_is_named_and_part_of_the_identity(lab: Lab, tmp_path: Path) -> None:
    from convertkit.samples.intake import with_external_data
    from convertkit.sources import inspect_source

    path = scaling_model(tmp_path / "model.onnx", external=True)
    described = lab.describe(DescribeJob(Format.ONNX, str(path)))
    assert described.external_data == ("weights.bin",)
    before = with_external_data(inspect_source(path), described.external_data)
    (tmp_path / "weights.bin").write_bytes(np.arange(2, 5, dtype=np.float32).tobytes())
    after = with_external_data(inspect_source(path), described.external_data)
    assert before[0] != after[0]
    assert before[1] == after[1] == path.stat().st_size + 12


def test_external_data_outside_the_folder_is_refused(lab: Lab, tmp_path: Path) -> None:
    path = scaling_model(tmp_path / "model.onnx", external=True)
    content = path.read_bytes()
    assert b"weights.bin" in content
    path.write_bytes(content.replace(b"weights.bin", b"../eights.x"))
    (tmp_path.parent / "eights.x").write_bytes(np.zeros(3, np.float32).tobytes())
    with pytest.raises(ModelFileError):
        lab.describe(DescribeJob(Format.ONNX, str(path)))


def test_a_broken_graph_is_one_line(lab: Lab, tmp_path: Path) -> None:
    path = scaling_model(tmp_path / "model.onnx")
    model = onnx.load(path)
    model.graph.node[0].input[1] = "nowhere"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="not a valid ONNX model") as caught:
        lab.describe(DescribeJob(Format.ONNX, str(path)))
    assert "\n" not in caught.value.message


def test_a_truncated_file_is_one_line(lab: Lab, tmp_path: Path) -> None:
    path = scaling_model(tmp_path / "model.onnx")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ModelFileError):
        lab.describe(DescribeJob(Format.ONNX, str(path)))


def test_a_silent_fallback_from_cuda_is_noticed(lab: Lab, tmp_path: Path) -> None:
    from convertkit.artifacts.artifact import Artifact

    path = scaling_model(tmp_path / "model.onnx")
    signature = lab.describe(DescribeJob(Format.ONNX, str(path))).signature
    artifact = Artifact(parse_variant("onnx"), str(path), signature, "x")
    inputs = lab.write({"x": np.ones((2, 3), np.float32)})
    job = InferJob("onnxruntime", artifact, str(inputs), str(tmp_path / "out.npz"), device="cuda:0")
    with pytest.raises(NotMeasuredError, match="fell back to CPU"):
        lab.workers.ask("onnx", job, "lab.log")


def test_integers_stay_below_the_rows_of_what_they_look_up(lab: Lab, tmp_path: Path) -> None:
    shapes = {"t": (50, 4), "u": (4, 30)}
    tables = [numpy_helper.from_array(np.zeros(shape, np.float32), name) for name, shape in shapes.items()]
    nodes = [
        helper.make_node("Cast", ["ids"], ["wide"], to=TensorProto.INT64),
        helper.make_node("Gather", ["t", "wide"], ["a"]),
        helper.make_node("Gather", ["u", "wide"], ["b"], axis=1),
        helper.make_node("Gather", ["x", "free"], ["c"]),
    ]
    inputs = [
        ("ids", TensorProto.INT32, ["n"]),
        ("free", TensorProto.INT64, [1]),
        ("x", TensorProto.FLOAT, ["m", 2]),
    ]
    outputs = [("a", ["n", 4]), ("b", [4, "n"]), ("c", [1, 2])]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        tables,
    )
    file = tmp_path / "model.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save_model(model, file)
    described = lab.describe(DescribeJob(Format.ONNX, str(file), None, ()))
    assert described.limits["ids"] == 30
    assert "free" not in described.limits


def test_operators_that_the_cpu_has_to_run_are_named(tmp_path: Path) -> None:
    import onnxruntime as ort

    from convertkit.runtimes.onnxruntime import RECORD_PLACES, operators_on_cpu

    options = ort.SessionOptions()
    options.add_session_config_entry(RECORD_PLACES, "1")
    path = str(scaling_model(tmp_path / "model.onnx"))
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    assert operators_on_cpu(session) == ("Mul",)


def test_a_session_on_the_cpu_leaves_nothing_there(tmp_path: Path) -> None:
    from convertkit.runtimes.onnxruntime import open_session

    session = open_session(str(scaling_model(tmp_path / "model.onnx")), "cpu", 1)
    assert session.left_on_cpu == ()
    x = np.ones((2, 3), np.float32)
    assert session.bind({"x": x})() > 0
    assert np.array_equal(session.run({"x": x})["y"], [[1, 2, 3], [1, 2, 3]])


def test_operators_of_branches_and_functions_are_counted() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 9, opset_import: ["": 17, "own": 1]>
        g (bool c, float[n] x) => (float[n] y) {
            a = own.twice(x)
            y = If (c) <
                then_branch = t () => (float[n] p) { p = Neg(a) },
                else_branch = e () => (float[n] q) { q = Neg(x) }
            >
        }
        <domain: "own", opset_import: ["": 17]> twice (v) => (w) { w = Add(v, v) }"""
    )
    assert counted(Counter(operators_of(model))) == "Add · If · Neg 2 · twice"


@pytest.mark.parametrize(
    ("axes", "named"),
    [("?, batch, 8", ("x_0", "batch", 8)), ("?, t, 8", ("batch", "t", 8)), ("5, n, 8", (5, "n", 8))],
)
def test_no_batch_is_made_up_beside_one_that_is_named(axes: str, named: tuple[int | str, ...]) -> None:
    text = (
        f'<ir_version: 9, opset_import: ["": 17]> g (float[{axes}] x) => (float[{axes}] y) {{ y = Neg(x) }}'
    )
    model = onnx.parser.parse_model(text.replace("?", "free"))
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param == "free":
                dim.dim_param = "?"
    assert read_signature(model).inputs[0].shape == named
