"""The ONNX backend interface: onnx's own runner over it, and what onnx-tf users call."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("tensorflow")
from convertkit import backend
from convertkit.errors import ModelFileError

pytestmark = pytest.mark.slow
NAMES = Path(__file__).with_name("test_backend_cases.txt").read_text().split()


@pytest.fixture(scope="session")
def suite() -> dict[str, type[unittest.TestCase]]:
    """Onnx's own runner, unmodified: case name → the class that has it."""
    from onnx.backend.test import BackendTest

    classes = BackendTest(backend.TensorflowBackend, __name__).test_cases
    return {name: kind for kind in classes.values() for name in dir(kind) if name.startswith("test_")}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")
def test_conformance(suite: dict[str, type[unittest.TestCase]], name: str) -> None:
    result = unittest.TestResult()
    suite[f"{name}_cpu"](f"{name}_cpu").run(result)
    assert result.testsRun == 1
    assert result.errors + result.failures == []
    assert not result.skipped


def model(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 20]> {text}')


RELU = "g (float[n,2] x) => (float[n,2] y) { y = Relu(x) }"
X = np.array([[-1, 2]], np.float32)


def test_prepare_and_run_by_order_and_by_name() -> None:
    prepared = backend.prepare(model(RELU))
    for given in (X, [X], {"x": X}):
        np.testing.assert_array_equal(prepared.run(given)[0], [[0, 2]])


def test_run_model_and_run_node() -> None:
    np.testing.assert_array_equal(backend.run_model(model(RELU), [X])[0], [[0, 2]])
    node = onnx.helper.make_node("Add", ["a", "b"], ["c"])
    np.testing.assert_array_equal(backend.run_node(node, [X, X])[0], X + X)
    node = onnx.helper.make_node("Softmax", ["a"], ["c"], axis=0)
    np.testing.assert_allclose(backend.run_node(node, [X], opset_version=12)[0].sum(), 1.0, rtol=1e-6)


def test_supports_device() -> None:
    assert backend.supports_device("CPU")
    assert not backend.supports_device("CUDA")
    with pytest.raises(ValueError, match="CUDA"):
        backend.prepare(model(RELU), device="CUDA")


def test_export_graph_writes_a_savedmodel(tmp_path: Path) -> None:
    import tensorflow as tf

    backend.prepare(model(RELU)).export_graph(tmp_path / "relu")
    signature = tf.saved_model.load(str(tmp_path / "relu")).signatures["serving_default"]
    np.testing.assert_array_equal(signature(x=tf.constant(X))["y"], [[0, 2]])


RESIZE = (
    'g (float[1,1,2,2] x, float[4] scales) => (float[1,1,h,w] y) { y = Resize<mode = "linear">(x, , scales) }'
)


def test_inputs_that_decide_the_shape_are_bound_at_run_time(tmp_path: Path) -> None:
    prepared = backend.prepare(model(RESIZE))
    assert prepared.bound_names == {"scales"}
    with pytest.raises(ValueError, match="scales"):
        prepared.export_graph(tmp_path / "resize")
    x: Any = np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)
    for factor in (2, 3, 2):
        scales = np.array([1, 1, factor, factor], np.float32)
        assert prepared.run([x, scales])[0].shape == (1, 1, 2 * factor, 2 * factor)


def test_a_broken_model_is_refused() -> None:
    broken = model(RELU)
    broken.graph.node[0].op_type = "Rellu"
    with pytest.raises(ModelFileError):
        backend.prepare(broken)
