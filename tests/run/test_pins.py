"""Axes fixed, bounds and constants asked for by hand, for each kind of source; right against PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from convertkit.errors import UsageError
from tests.conftest import Lab
from tests.run.test_odd_signatures import agrees, convert, npz, passed, run_tflite

pytestmark = pytest.mark.slow

FIXED = "left:float32[batch,3,16]"


@pytest.fixture(scope="module")
def apart(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, Path]:
    """A model with four free axes, its samples, and the folder of a run without any of them fixed."""
    from tests.run import odd_signatures as odd

    folder = tmp_path_factory.mktemp("apart")
    model = odd.Apart()
    left, right = odd.random(24, 3, 16), odd.random(24, 2, 12)
    dynamic = ({0: odd.BATCH, 2: odd.WIDTH}, {0: odd.BATCH, 2: odd.TIME})
    odd.save(model, (left[:3], right[:3]), dynamic, folder)
    npz(folder, left=left, right=right)
    _, records, out = convert(lab, folder / "m.pt2", folder / "s.npz", layout="source")
    passed(records)
    return model, folder, out


def shapes(file: Path) -> dict[str, list[int]]:
    """The shape of each input of a `.tflite`; -1 is free."""
    from ai_edge_litert.interpreter import Interpreter

    details = Interpreter(str(file)).get_signature_runner("serving_default").get_input_details()
    return {
        name: [int(s) for s in (d["shape_signature"] if len(d["shape_signature"]) else d["shape"])]
        for name, d in details.items()
    }


@pytest.mark.parametrize("kind", ["m.pt2", "model.onnx", "model.savedmodel"])
def test_a_number_in_place_of_a_free_axis_fixes_it(
    lab: Lab, apart: tuple[Any, Path, Path], kind: str
) -> None:
    model, folder, out = apart
    source = folder / kind if kind == "m.pt2" else out / kind
    _, records, made = convert(lab, source, folder / "s.npz", inputs=(FIXED,), layout="source")
    passed(records)
    assert shapes(made / "model.tflite") == {"left": [-1, 3, 16], "right": [-1, 2, -1]}
    random = np.random.default_rng(0)
    for batch, length in ((1, 12), (4, 20)):
        left, right = random.normal(size=(batch, 3, 16)), random.normal(size=(batch, 2, length))
        call = {"left": left.astype(np.float32), "right": right.astype(np.float32)}
        agrees(made / "model.tflite", model, call)


@pytest.mark.parametrize("kind", ["m.pt2", "model.onnx", "model.savedmodel"])
def test_static_leaves_no_dynamic_tensor(lab: Lab, apart: tuple[Any, Path, Path], kind: str) -> None:
    from ai_edge_litert.interpreter import Interpreter

    model, folder, out = apart
    source = folder / kind if kind == "m.pt2" else out / kind
    _, records, made = convert(
        lab, source, folder / "s.npz", "tflite:float32", "tflite:int8", static=True, layout="source"
    )
    passed(records)
    for name in ("model.tflite", "model.int8.tflite"):
        tensors = Interpreter(str(made / name)).get_tensor_details()
        assert all((tensor["shape_signature"] >= 0).all() for tensor in tensors)
    samples = np.load(folder / "s.npz")
    agrees(made / "model.tflite", model, {name: samples[name][:1] for name in samples})


def test_the_batch_alone_is_fixed(lab: Lab, apart: tuple[Any, Path, Path]) -> None:
    model, folder, out = apart
    intake, records, made = convert(
        lab, out / "model.onnx", folder / "s.npz", "tflite:float32", "onnx:int8", batch=4, layout="source"
    )
    passed(records)
    assert shapes(made / "model.tflite")["left"] == [4, 3, -1]
    graph = onnx.load(made / "model.int8.onnx").graph
    assert [dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim] == [4, 3, 0]
    assert {axis.name for axis in records[-1].dynamic_axes} == {
        name for spec in intake.artifact.signature.inputs for name in spec.dynamic_axes.values()
    }
    samples = np.load(folder / "s.npz")
    agrees(made / "model.tflite", model, {name: samples[name][:4] for name in samples})


def test_bounds_limit_the_sizes_that_are_tried(lab: Lab, apart: tuple[Any, Path, Path]) -> None:
    _, folder, out = apart
    name = onnx.load(out / "model.onnx").graph.input[0].type.tensor_type.shape.dim[2].dim_param
    intake, records, _ = convert(
        lab, out / "model.onnx", folder / "s.npz", "savedmodel", inputs=(f"{name}=12..24",)
    )
    passed(records)
    assert intake.axis_sizes[name] == [24]
    with pytest.raises(UsageError, match="no free axis 'widht'"):
        convert(lab, out / "model.onnx", folder / "s.npz", "savedmodel", inputs=("widht=1..2",))


@pytest.mark.parametrize("kind", ["m.pt2", "model.onnx", "model.savedmodel"])
def test_a_constant_takes_the_place_of_an_input(lab: Lab, tmp_path: Path, kind: str) -> None:
    from tests.run import odd_signatures as odd

    model = odd.Tempered()
    x, kinds = odd.random(40, 8), np.arange(40 * 8).reshape(-1, 8) % 2
    dynamic = ({0: odd.BATCH}, {0: odd.BATCH}, {})
    file = odd.save(model, (x[:3], kinds[:3], np.float32(2)), dynamic, tmp_path)
    samples = npz(tmp_path, x=x, token_type=kinds)
    if kind != "m.pt2":
        file = convert(lab, file, None, "savedmodel")[2] / kind
    _, records, out = convert(lab, file, samples, bind=("temperature=0.5",))
    passed(records)
    assert set(shapes(out / "model.tflite")) == {"x", "token_type"}
    got = run_tflite(out / "model.tflite", {"x": x[:4], "token_type": kinds[:4]})
    heat = np.full((), 0.5, np.float32)
    wanted = odd.expected(model, {"x": x[:4], "token_type": kinds[:4], "temperature": heat})
    np.testing.assert_allclose(got["scaled"], wanted[1], atol=1e-5)


def test_a_branch_on_a_constant_is_decided(lab: Lab, tmp_path: Path) -> None:
    h = onnx.helper
    vector = h.make_tensor_value_info("x", 1, ["batch", 4])
    rate = h.make_tensor_value_info("sr", 7, [])
    result = h.make_tensor_value_info("y", 1, ["batch", 4])

    def branch(name: str, factor: float) -> onnx.GraphProto:
        value = h.make_tensor(f"{name}_factor", 1, [], [factor])
        node = h.make_node("Mul", ["x", f"{name}_factor"], [f"{name}_out"])
        return h.make_graph([node], name, [], [h.make_tensor_value_info(f"{name}_out", 1, None)], [value])

    nodes = [
        h.make_node("Equal", ["sr", "sixteen"], ["is_16k"]),
        h.make_node("If", ["is_16k"], ["y"], then_branch=branch("a", 2.0), else_branch=branch("b", 3.0)),
    ]
    known = [h.make_tensor("sixteen", 7, [], [16000])]
    graph = h.make_graph(nodes, "g", [vector, rate], [result], known)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    x = np.random.default_rng(0).normal(size=(24, 4)).astype(np.float32)
    for value, factor in ((16000, 2.0), (8000, 3.0)):
        _, records, out = convert(lab, tmp_path / "m.onnx", npz(tmp_path, x=x), bind=(f"sr={value}",))
        passed(records)
        got = run_tflite(out / "model.tflite", {"x": x[:3]})["y"]
        np.testing.assert_allclose(got, x[:3] * factor, rtol=1e-6)
