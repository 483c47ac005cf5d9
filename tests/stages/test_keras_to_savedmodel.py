"""Keras → SavedModel, judged by TensorFlow against Keras, and on to TFLite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.formats import Format, Variant
from convertkit.errors import ModelFileError, RefusedError
from convertkit.workers.jobs import DescribeJob
from tests.conftest import Lab, sqnr_db

pytestmark = pytest.mark.slow

BUILD = """
import sys, keras, tensorflow as tf
keras.utils.set_random_seed(0)
k, folder = keras.layers, sys.argv[1]
image = keras.Input((8, 8, 3), name="image")
x = k.GlobalAveragePooling2D()(k.BatchNormalization()(k.Conv2D(8, 3, activation="relu")(image)))
outputs = {"classes": k.Dense(4, activation="softmax", name="a")(x), "box": k.Dense(2, name="b")(x)}
two = keras.Model(image, outputs)
two.save(f"{folder}/two.keras"); two.save(f"{folder}/two.h5"); tf.saved_model.save(two, f"{folder}/object")
two.save_weights(f"{folder}/weights.weights.h5")
keras.Sequential([image, k.Flatten(), k.Dense(3)]).save(f"{folder}/one.keras")
keras.Sequential([image, k.Lambda(lambda x: x * 2)]).save(f"{folder}/code.h5")
other = keras.Input((8, 8, 3), name="other")
both = [image, other]
pair = keras.Model(both, [k.Add(name="sum")(both), k.Subtract(name="rest")(both)])
pair.save(f"{folder}/pair.keras")
keras.Model([image], [k.Dense(3, name="predictions")(k.Flatten()(image))]).save(f"{folder}/listed.h5")
"""
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((24, 8, 8, 3), np.float32)
OTHERS = RANDOM.random((24, 8, 8, 3), np.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keras files, built by Keras in a process of its own."""
    folder = tmp_path_factory.mktemp("keras")
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], check=True, env=environment, capture_output=True
    )
    return folder


def opened(lab: Lab, path: Path, format: Format = Format.KERAS) -> Artifact:
    """A file as the source of a hop."""
    loader = Loader("keras") if format is Format.KERAS else None
    signature = lab.describe(DescribeJob(format, str(path), loader)).signature
    return Artifact(Variant(format), str(path), signature, *hash_path(path), loader)


@pytest.mark.parametrize("name", ["two.keras", "two.h5", "one.keras", "pair.keras", "listed.h5"])
def test_it_computes_what_keras_does(lab: Lab, files: Path, name: str) -> None:
    source = opened(lab, files / name)
    samples = {"image": IMAGES, "other": OTHERS} if name == "pair.keras" else {"image": IMAGES}
    made = lab.convert("keras_to_savedmodel", source, "savedmodel", samples)
    assert made.signature.inputs == source.signature.inputs
    lite = lab.convert("savedmodel_to_tflite", made, "tflite:float32", samples)
    wanted = lab.infer(source, samples)
    for artifact in (made, lite):
        got = lab.infer(artifact, samples)
        assert got.keys() == wanted.keys()
        assert all(sqnr_db(wanted[key], got[key]) > 100 for key in wanted)


def test_outputs_have_the_models_own_names(lab: Lab, files: Path) -> None:
    outputs = opened(lab, files / "two.keras").signature.outputs
    assert {spec.describe() for spec in outputs} == {
        "classes:float32[batch,4]",
        "box:float32[batch,2]",
    }


def test_a_keras_object_that_tensorflow_saved_keeps_its_weights_in_tflite(lab: Lab, files: Path) -> None:
    source = opened(lab, files / "object", Format.SAVEDMODEL)
    (name,) = (spec.name for spec in source.signature.inputs)
    samples = {name: IMAGES}
    wanted = lab.infer(source, samples)
    for precision, floor in (("float32", 100), ("int8", 25)):
        made = lab.convert("savedmodel_to_tflite", source, f"tflite:{precision}", samples)
        got = lab.infer(made, samples)
        assert all(sqnr_db(wanted[key], got[key]) > floor for key in wanted)


def test_weights_alone_and_code_are_refused(lab: Lab, files: Path) -> None:
    with pytest.raises(ModelFileError, match="weights of Keras without a model"):
        opened(lab, files / "weights.weights.h5")
    with pytest.raises(RefusedError, match="built of Lambda"):
        opened(lab, files / "code.h5")
