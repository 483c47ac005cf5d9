"""Normalisation before the image of an ONNX graph, judged by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.pixels import Fold, Pixels
from convertkit.artifacts.signature import Array, Signature, TensorSpec
from convertkit.errors import StageError
from convertkit.folding.onnx import fold, put_before

pytestmark = pytest.mark.slow

PIXELS = Pixels(255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
IMAGE = TensorSpec("x", "float32", ("n", 3, 4, 5))
HEAD = '<ir_version: 8, opset_import: ["": %d]>'
BRANCHED = (
    HEAD % 17
    + """
g (float[n,3,4,5] x, bool c) => (float[n,3,4,5] y) <float[1] x_normalised = {2}> {
    a = Mul(x, x_normalised)
    y = If (c) <
        then_branch = t () => (float[n,3,4,5] p) { p = Add(x, a) },
        else_branch = e () => (float[n,3,4,5] q) { q = Identity(x) }
    >
}"""
)


def outputs(model: onnx.ModelProto, **given: Array) -> Array:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString())
    return np.asarray(session.run(None, given)[0])


@pytest.mark.parametrize("condition", [True, False])
def test_it_computes_the_same_of_pixels_bit_by_bit(tmp_path: Path, condition: bool) -> None:
    plain = onnx.parser.parse_model(BRANCHED)
    onnx.save_model(plain, str(tmp_path / "plain.onnx"))
    signature = Signature((IMAGE, TensorSpec("c", "bool", (), batch_axis=None)), ())
    artifact = Artifact(Variant(Format.ONNX), str(tmp_path / "plain.onnx"), signature)
    fold(artifact, Fold("x", "uint8", PIXELS, 1), tmp_path / "folded.onnx")
    folded = onnx.load(str(tmp_path / "folded.onnx"))
    image = folded.graph.input[0].type.tensor_type
    assert image.elem_type == onnx.TensorProto.UINT8
    assert [dim.dim_param or dim.dim_value for dim in image.shape.dim] == ["n", 4, 5, 3]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    normalised = np.ascontiguousarray(np.moveaxis(PIXELS.normalised(pixels), -1, 1))
    c = np.array(condition)
    assert np.array_equal(outputs(folded, x=pixels, c=c), outputs(plain, x=normalised, c=c))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD % 6 + " g (float[n,3,4,5] x) => (float[n,3,4,5] y) { y = Neg(x) }", "needs opset 7"),
        (HEAD % 17 + " g (float[n,3,4,5] z) => (float[n,3,4,5] y) { y = Neg(z) }", "no input of the graph"),
    ],
)
def test_what_cannot_take_it(text: str, said: str) -> None:
    with pytest.raises(StageError, match=said):
        put_before(onnx.parser.parse_model(text), IMAGE, Fold("x", "uint8", PIXELS, 1))
