"""Normalisation before the image of a SavedModel and of a `.tflite`, judged by TensorFlow's own runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.pixels import Fold, Pixels
from convertkit.artifacts.signature import Array, Signature, TensorSpec, to_physical
from convertkit.errors import StageError

tf: Any = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.slow

PIXELS = Pixels(255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 6, 5, 3), dtype=np.uint8)
NORMALISED = PIXELS.normalised(IMAGES)


class Convolution(tf.Module):  # type: ignore[misc]
    """Two outputs of an image, its channels last or first."""

    def __init__(self, *, is_last: bool) -> None:
        super().__init__()
        self.kernel = tf.Variable(np.random.default_rng(1).normal(size=(3, 3, 3, 4)).astype(np.float32))
        self._is_last = is_last
        shape = [None, 6, 5, 3] if is_last else [None, 3, 6, 5]
        self.serve = tf.function(self.call, input_signature=[tf.TensorSpec(shape, tf.float32, "image")])

    def call(self, image: Any) -> Any:
        seen = image if self._is_last else tf.transpose(image, [0, 2, 3, 1])
        found = tf.nn.relu(tf.nn.conv2d(seen, self.kernel, 1, "SAME"))
        return {"maps": found, "mean": tf.reduce_mean(found, [1, 2])}


def saved(folder: Path, *, is_last: bool) -> Artifact:
    module = Convolution(is_last=is_last)
    tf.saved_model.save(module, str(folder / "plain"), signatures={"serving_default": module.serve})
    order = (0, 2, 3, 1) if is_last else None
    shape = ("batch", 6, 5, 3) if is_last else ("batch", 3, 6, 5)
    spec = TensorSpec("image", "float32", shape, axis_order=order)
    return Artifact(Variant(Format.SAVEDMODEL), str(folder / "plain"), Signature((spec,), ()))


@pytest.fixture(scope="module", params=[True, False], ids=["channels last", "channels first"])
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return saved(tmp_path_factory.mktemp("saved"), is_last=request.param)


def as_source(plain: Artifact) -> Array:
    """The normalised images as the plain artifact takes them."""
    return to_physical(np.moveaxis(NORMALISED, -1, 1), plain.signature.inputs[0])


def served(path: str, image: Array) -> Any:
    return tf.saved_model.load(path).signatures["serving_default"](image=tf.constant(image))


FOLD = Fold("image", "uint8", PIXELS, 1)


def test_a_savedmodel_takes_pixels(plain: Artifact, tmp_path: Path) -> None:
    from convertkit.folding.savedmodel import fold

    for name in ("a", "b"):
        fold(plain, FOLD, tmp_path / name)
    one, two = ((tmp_path / name / "saved_model.pb").read_bytes() for name in ("a", "b"))
    assert one == two
    before = tf.saved_model.load(plain.path).signatures["serving_default"](
        image=tf.constant(as_source(plain))
    )
    after = tf.saved_model.load(str(tmp_path / "a")).signatures["serving_default"](image=tf.constant(IMAGES))
    for name in ("maps", "mean"):
        np.testing.assert_allclose(after[name], before[name], rtol=0, atol=1e-5)


def converted(plain: Artifact, precision: str) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(plain.path, signature_keys=["serving_default"])
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "int8":
        values = as_source(plain)
        converter.representative_dataset = lambda: ({"image": values[row : row + 1]} for row in (0, 1))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
    return bytes(converter.convert())


def run(content: bytes, image: Array) -> dict[str, Array]:
    runner = tf.lite.Interpreter(model_content=content, num_threads=1).get_signature_runner()
    return {name: np.array(value) for name, value in runner(image=image).items()}


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_tflite_takes_pixels_and_gives_the_same_bits(plain: Artifact, precision: str) -> None:
    from convertkit.folding.tflite import put_before

    content = converted(plain, precision)
    runner = tf.lite.Interpreter(model_content=content).get_signature_runner()
    scale, zero_point = runner.get_input_details()["image"]["quantization"]
    spec = plain.signature.inputs[0]
    taken: Array = as_source(plain)
    if precision == "int8":
        spec = TensorSpec(
            "image", "int8", spec.shape, axis_order=spec.axis_order, scale=scale, zero_point=zero_point
        )
        taken = to_physical(np.moveaxis(NORMALISED, -1, 1), spec)
    folded = put_before(content, spec, FOLD)
    details = tf.lite.Interpreter(model_content=folded).get_input_details()
    assert [(each["dtype"], each["quantization"]) for each in details] == [(np.uint8, (0.0, 0))]
    assert details[0]["shape_signature"].tolist() == [-1, 6, 5, 3]
    before, after = run(content, taken), run(folded, IMAGES)
    for name in ("maps", "mean"):
        assert np.array_equal(after[name], before[name]), name


def test_a_name_that_no_signature_has(plain: Artifact) -> None:
    from convertkit.folding.tflite import put_before

    with pytest.raises(StageError, match="no signature with an input 'picture'"):
        put_before(converted(plain, "float32"), TensorSpec("picture", "float32", ("batch", 6, 5, 3)), FOLD)
