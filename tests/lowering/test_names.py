"""A tensor of a .tflite tells which ONNX values it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow")
from convertkit.graphs.value_names import onnx_values, possible_values, scope_of
from convertkit.lowering import lower, write_savedmodel

from .oracle import parse

NAMES = ["getitem_24", "/net/0/Conv_output_0", "net/0/Conv_output_0", "a:0", "a-3a-0", "_a", ".a", "ä b", "1"]


def test_no_two_names_share_a_scope() -> None:
    assert len({scope_of(name) for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_read_back(name: str) -> None:
    assert onnx_values(f"{scope_of(name)}/Relu6", NAMES) == [name]
    assert possible_values(f"{scope_of(name)}/Relu6")[0] == name


def test_fused_operators_are_told_apart() -> None:
    tensor = "hardtanh/Relu6;getitem/BiasAdd;getitem/Conv2D;Const_1"
    assert onnx_values(tensor, ["getitem", "hardtanh", "hard"]) == ["hardtanh", "getitem"]
    assert onnx_values("a/b/c/Relu", ["a", "a/b"]) == ["a/b"]
    assert onnx_values("arith.constant", ["arith"]) == []
    assert onnx_values("relu", ["relu"]) == []


@pytest.mark.slow
@pytest.mark.parametrize("is_integer", [False, True], ids=["float", "int8"])
def test_names_reach_the_file(is_integer: bool, tmp_path: Path) -> None:
    from benchmarks.zoo import to_tflite
    from convertkit.graphs.tflite_file import schema

    model = parse(
        """g (float[n,3,8,8] x) => (float[n,4,1,1] y) {
            conv = Conv(x, w) relu = Relu(conv) softmax = Softmax<axis=1>(relu) y = ReduceMean(softmax, axes)
        }""",
        w=np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32),
        axes=np.array([2, 3]),
    )
    odd = "/net/conv:0"  # as torch's TorchScript exporter writes them, and tf2onnx
    model.graph.node[0].output[0] = model.graph.node[1].input[0] = odd
    write_savedmodel(lower(model), tmp_path / "savedmodel")
    samples = [{"x": np.full((1, 8, 8, 3), value, np.float32)} for value in (-1, 0.5, 2)]
    content = to_tflite(tmp_path / "savedmodel", samples if is_integer else None)
    tensors = schema.ModelT.InitFromPackedBuf(content, 0).subgraphs[0].tensors
    values = [node.output[0] for node in model.graph.node]
    told = [onnx_values(tensor.name.decode(), values) for tensor in tensors]
    assert ["relu", odd] in told
    assert ["softmax"] in told
