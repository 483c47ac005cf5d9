"""Bad input: one line that names node, operator and module path; nothing half-written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

tf = pytest.importorskip("tensorflow")
from convertkit.errors import ModelFileError, StageError  # noqa: E402
from convertkit.lowering import NeedsConstant, UnsupportedOperators, lower, write_savedmodel  # noqa: E402
from convertkit.lowering.faults import describe, module_path  # noqa: E402
from convertkit.lowering.registry import FAMILIES, OPERATORS, joined  # noqa: E402

from .oracle import parse  # noqa: E402

pytestmark = pytest.mark.slow
ONES = np.ones((4, 4), np.float32)


def test_a_graph_that_fails_the_checker() -> None:
    model = parse("g (float[2] x) => (float[2] y) { y = Relu(x) }")
    model.graph.node[0].input[0] = "nowhere"
    with pytest.raises(ModelFileError, match=r"onnx\.checker") as caught:
        lower(model)
    assert caught.value.exit_code == 6
    assert "\n" not in str(caught.value)


def test_external_data_is_read_beside_the_model_only(tmp_path: Path) -> None:
    model = parse("g (float[n,64] x) => (float[n,64] y) { y = MatMul(x, w) }", w=np.eye(64, dtype=np.float32))
    onnx.save(model, str(tmp_path / "m.onnx"), save_as_external_data=True, location="m.data")
    model = onnx.load(str(tmp_path / "m.onnx"), load_external_data=False)
    lowered = lower(model, base_dir=tmp_path)
    x = np.arange(64, dtype=np.float32).reshape(1, 64)
    np.testing.assert_array_equal(lowered.module.serving_default(x)["y"], x)
    model.graph.initializer[0].external_data[0].value = "../m.data"
    with pytest.raises(ModelFileError):
        lower(model, base_dir=tmp_path)


def test_an_output_without_a_shape_is_no_fault() -> None:
    model = parse("g (float[2] x) => (float[2] y) { y = Relu(x) }")
    model.graph.output[0].type.tensor_type.ClearField("shape")
    assert lower(model).signature.outputs[0].shape == (2,)
    assert not model.graph.output[0].type.tensor_type.HasField("shape")


def test_an_opset_newer_than_known() -> None:
    model = parse("g (float[2] x) => (float[2] y) { y = Relu(x) }")
    model.opset_import[0].version = 99
    with pytest.raises(ModelFileError, match="opset 99 is newer than"):
        lower(model)


def test_all_missing_operators_are_named_before_any_work() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 9, opset_import: ["": 20, "com.acme": 1]>
        g (float[2] x) => (float[2] y) {
            a = com.acme.Magic(x) b = Relu(a) c = com.acme.Other(b) y = StringNormalizer(c)
        }"""
    )
    model.graph.node[0].name = "/encoder/layers.0/Magic"
    model.graph.node[0].input[0] = "x"
    model.graph.node[3].op_type = "Det2"
    model.graph.node[3].domain = "com.acme"
    with pytest.raises(UnsupportedOperators) as caught:
        lower(model)
    assert caught.value.exit_code == 5
    for text in ("com.acme::Magic", "com.acme::Other", "com.acme::Det2", "from encoder.layers.0"):
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("body", "weights", "message"),
    [
        ("y = MatMul(x, w)", {"w": np.ones((5, 4), np.float32)}, "cannot multiply"),
        ("y = Softmax<axis = 7>(x)", {}, "axis 7 is out of range"),
        ("y = Reshape(x, s)", {"s": np.array([3, 3])}, "cannot reshape"),
        ("y = Transpose<perm = [0, 0]>(x)", {}, "is not a permutation"),
        ("y = Add(x, w)", {"w": np.ones((3,), np.float32)}, "Dimensions must be equal|broadcast"),
        ("y = Split<num_outputs = 1, axis = 0>(x, s)", {"s": np.array([3])}, "do not add up|splits"),
    ],
)
def test_a_contradiction_names_the_node(body: str, weights: dict[str, Any], message: str) -> None:
    model = onnx.parser.parse_model(
        f'<ir_version: 9, opset_import: ["": 17]> g (float[4,4] x) => (float y) {{ {body} }}'.replace(
            "num_outputs = 1, ", ""
        )
    )
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, name) for name, array in weights.items()
    )
    model.graph.node[0].name = "the_node"
    scopes = onnx.StringStringEntryProto(
        key="pkg.torch.onnx.name_scopes", value="['', 'encoder.layers.0', 'add']"
    )
    model.graph.node[0].metadata_props.append(scopes)
    with pytest.raises(StageError, match=message) as caught:
        lower(model)
    assert f"node 'the_node' ({model.graph.node[0].op_type}, from encoder.layers.0)" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_kernel_and_pads_out_of_range() -> None:
    model = parse(
        "g (float[1,3,8,8] x) => (float y) { y = MaxPool<kernel_shape = [2,2], pads = [-1,0,0,0]>(x) }"
    )
    with pytest.raises(StageError, match="out of range"):
        lower(model)


def test_an_operand_that_must_be_constant_is_named() -> None:
    model = parse("g (float[1,3,8,8] x, float[4] scales) => (float y) { y = Resize(x, , scales) }")
    with pytest.raises(NeedsConstant, match="'scales' must be a constant"):
        lower(model)


def test_the_torchscript_exporter_names_modules_in_nodes() -> None:
    node = onnx.helper.make_node("MatMul", ["a", "b"], ["c"], name="/encoder/layers.0/linear1/MatMul")
    assert module_path(node) == "encoder.layers.0.linear1"
    assert describe(onnx.helper.make_node("Add", ["a", "b"], ["c"])) == "node 'computing c' (Add)"


def test_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lowered = lower(parse("g (float[2] x) => (float[2] y) { y = Relu(x) }"))

    def fails(module: Any, folder: str, **rest: Any) -> None:
        Path(folder, "saved_model.pb").write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fails)
    with pytest.raises(StageError, match="No space left"):
        write_savedmodel(lowered, tmp_path / "x.savedmodel")
    assert list(tmp_path.iterdir()) == []


def test_an_operator_is_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES[0].OPERATORS, "Conv", next(iter(OPERATORS["Conv"])))
    with pytest.raises(ValueError, match="Conv is registered twice"):
        joined(FAMILIES)
