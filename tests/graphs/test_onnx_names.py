"""Outputs under other names: the graph computes the same, whatever else had the name."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from convertkit.artifacts.signature import TensorSpec
from convertkit.graphs.onnx_names import rename_outputs, restore_inputs, settle_names, unused_inputs

pytestmark = pytest.mark.slow
GRAPH = """<ir_version: 9, opset_import: ["": 17]>
g (float[n] x, bool c) => (float[n] a, float[n] b, float[n] d) <float[1] w = {3}> {
    inner = Neg(x)
    a = Mul(inner, w)
    b = If (c) <
        then_branch = t () => (float[n] p) { p = Add(inner, a) },
        else_branch = e () => (float[n] q) { q = Sub(inner, w) }
    >
    d = Exp(b)
}"""


def renamed(**names: str) -> onnx.ModelProto:
    model = onnx.parser.parse_model(GRAPH)
    specs = [
        TensorSpec(names.get(old, old), "float32", ("n",), key=old if old in names else None)
        for old in ("a", "b", "d")
    ]
    assert rename_outputs(model, specs) == bool(names)
    onnx.checker.check_model(model, full_check=True)
    return model


def outputs(model: onnx.ModelProto, condition: bool) -> dict[str, np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString())
    x = np.arange(4, dtype=np.float32)
    given = session.run(None, {"x": x, "c": np.array(condition)})
    return dict(zip([each.name for each in session.get_outputs()], given, strict=True))


@pytest.mark.parametrize(
    "names",
    [
        {"a": "first"},
        {"a": "b", "b": "a"},
        {"a": "inner"},
        {"b": "w", "d": "inner"},
        {"a": "b", "b": "d", "d": "a"},
        {"b": "p"},
    ],
    ids=str,
)
@pytest.mark.parametrize("condition", [True, False])
def test_each_output_has_its_values_under_its_new_name(names: dict[str, str], condition: bool) -> None:
    wanted = outputs(onnx.parser.parse_model(GRAPH), condition)
    got = outputs(renamed(**names), condition)
    assert list(got) == [names.get(old, old) for old in wanted]
    for old, values in wanted.items():
        np.testing.assert_array_equal(got[names.get(old, old)], values)


def test_without_new_names_nothing_changes() -> None:
    assert renamed() == onnx.parser.parse_model(GRAPH)


def test_inputs_that_an_exporter_left_out_are_declared_in_the_sources_order() -> None:
    model = onnx.parser.parse_model(GRAPH)
    kind = TensorSpec("kind", "int64", ("n", 2))
    x, c = TensorSpec("x", "float32", ("n",)), TensorSpec("c", "bool", ())
    restore_inputs(model, (c, kind, x))
    onnx.checker.check_model(model, full_check=True)
    assert [value.name for value in model.graph.input] == ["c", "kind", "x"]
    (first, second) = model.graph.input[1].type.tensor_type.shape.dim
    assert (first.dim_param, second.dim_value) == ("n", 2)


def test_inputs_that_nothing_depends_on_are_named() -> None:
    model = onnx.parser.parse_model(GRAPH.replace("bool c)", "bool c, float[n] idle, float[n] passed)"))
    model.graph.output.add().CopyFrom(model.graph.input[-1])
    assert unused_inputs(model) == ["idle"]


def test_a_name_that_a_branch_uses_inside_is_moved_aside() -> None:
    model = onnx.parser.parse_model(GRAPH)
    settle_names(model.graph, {"a": "p", "b": "inner", "d": "inner_inside"})
    onnx.checker.check_model(model, full_check=True)
    assert [each.name for each in model.graph.output] == ["p", "inner", "inner_inside"]
    plain = onnx.parser.parse_model(GRAPH)
    for condition in (True, False):
        wanted, got = outputs(plain, condition), outputs(model, condition)
        for old, new in (("a", "p"), ("b", "inner"), ("d", "inner_inside")):
            np.testing.assert_array_equal(got[new], wanted[old])
