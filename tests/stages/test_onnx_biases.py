"""Biases that ONNX Runtime's quantizer stumbles over, and the graphs that hold them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("onnxruntime")
from convertkit.stages.onnx_biases import with_own_biases

RNG = np.random.default_rng(0)


def model(text: str, **weights: np.ndarray) -> onnx.ModelProto:
    """A model in ONNX's text form, with weights by name."""
    made = onnx.parser.parse_model(f'<ir_version: 9, opset_import: ["": 17]> {text}')
    made.graph.initializer.extend(onnx.numpy_helper.from_array(a, name) for name, a in weights.items())
    return made


def run(made: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


SHARED = model(
    """g (float[n,4] x) => (float[n,4] y)
        { b0 = Gemm(x, w, b) s = Relu(b0) t = Gemm(s, w, b) u = Gemm(t, w, b) y = Gemm(u, w, b) }""",
    w=RNG.standard_normal((4, 4)).astype(np.float32),
    b=RNG.standard_normal(4).astype(np.float32),
)
ROW = model(
    "g (float[n,4] x) => (float[n,3] y) { y = Gemm(x, w, b) }",
    w=RNG.standard_normal((4, 3)).astype(np.float32),
    b=RNG.standard_normal((1, 3)).astype(np.float32),
)
X = RNG.standard_normal((16, 4)).astype(np.float32)


@pytest.mark.parametrize("made", [SHARED, ROW], ids=["shared", "row"])
def test_each_operator_has_a_vector_of_its_own(made: onnx.ModelProto) -> None:
    changed = onnx.ModelProto.FromString(made.SerializeToString())
    assert with_own_biases(changed.graph)
    onnx.checker.check_model(changed, full_check=True)
    names = [node.input[2] for node in changed.graph.node if node.op_type == "Gemm"]
    assert len(set(names)) == len(names)
    shapes = {tensor.name: list(tensor.dims) for tensor in changed.graph.initializer}
    assert all(len(shapes[name]) == 1 for name in names)
    np.testing.assert_array_equal(run(changed, X), run(made, X))
    assert not with_own_biases(changed.graph)


def test_a_name_that_is_taken_is_not_taken_again() -> None:
    made = model(
        "g (float[n,4] x) => (float[n,4] y) { z = Gemm(x, w, b) z_bias = Gemm(z, w, b) y = Relu(z_bias) }",
        w=np.eye(4, dtype=np.float32),
        b=np.ones(4, np.float32),
    )
    want = run(made, X)
    assert with_own_biases(made.graph)
    np.testing.assert_array_equal(run(made, X), want)


@pytest.mark.slow
@pytest.mark.parametrize("made", [SHARED, ROW], ids=["shared", "row"])
def test_the_quantizer_takes_them_by_channel(made: onnx.ModelProto, tmp_path: Path) -> None:
    """A copy of the shared bias would be called `b0`, which is the first product."""
    from convertkit.artifacts.signature import Signature, TensorSpec
    from convertkit.config.onnx_options import OnnxToOnnxInt8Options
    from convertkit.stages.onnx_quantization import prepare, quantize

    notes: list[str] = []
    onnx.save_model(made, tmp_path / "m.onnx")
    prepare(str(tmp_path / "m.onnx"), tmp_path / "p.onnx", notes.append)
    signature = Signature((TensorSpec("x", "float32", ("n", 4)),), ())
    options = OnnxToOnnxInt8Options()
    quantize(
        tmp_path / "p.onnx",
        tmp_path / "q.onnx",
        signature,
        {"x": X},
        options,
        notes.append,
        left=(),
        kinds=(),
    )
    want, got = run(made, X), run(onnx.load(tmp_path / "q.onnx"), X)
    assert 10 * np.log10((want**2).sum() / ((want - got) ** 2).sum()) > 25
    assert notes == []
