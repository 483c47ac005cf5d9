"""What LiteRT's tracer does with graphs as converters write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.runtimes.tflite_operators import schema

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def left_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five times x * 0.5 + 1 in a loop whose last variable is no output: -1 stands in its place."""
    import tensorflow as tf

    class Loop(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
        def run(self, x: Any) -> Any:
            start = (tf.constant(0), x, x)
            _, y, z = tf.while_loop(lambda i, y, z: i < 5, lambda i, y, z: (i + 1, y * 0.5 + 1, z + y), start)
            return {"y": y, "z": z}

    loop = Loop()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([loop.run.get_concrete_function()], loop)
    classes: Any = schema()
    model = classes.ModelT.InitFromPackedBuf(converter.convert(), 0)
    graph = model.subgraphs[0]
    kinds = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    (loops,) = [op for op in graph.operators if kinds[op.opcodeIndex] == classes.BuiltinOperator.WHILE]
    loops.outputs = [*loops.outputs[:-1], -1]
    graph.outputs, model.signatureDefs = loops.outputs[1:2], None
    assert len(loops.outputs) == 3
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    file = tmp_path_factory.mktemp("loop") / "model.tflite"
    file.write_bytes(builder.Output())
    return file


def test_an_output_that_is_left_out_is_no_tensor(left_out: Path) -> None:
    from convertkit.tracing.litert import trace

    signature = Signature((TensorSpec("x", "float32", ("batch", 4)),), (TensorSpec("y", "float32", (4,)),))
    artifact = Artifact(Variant(Format.TFLITE), str(left_out), signature)
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    tensors, values = trace(artifact, {"x": x}, 1)
    assert [tensor.operator for tensor in tensors] == ["INPUT", "WHILE"]
    wanted = x
    for _ in range(5):
        wanted = wanted * np.float32(0.5) + 1
    np.testing.assert_allclose(values[-1], wanted, rtol=1e-6)


def test_operators_of_every_subgraph_are_counted(left_out: Path) -> None:
    from convertkit.runtimes.tflite_operators import count_operators

    found = count_operators(left_out.read_bytes())
    assert (found["WHILE"], found["LESS"], found["MUL"]) == (1, 1, 1)
