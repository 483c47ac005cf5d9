"""SavedModels as TensorFlow, Keras and our own stages write them pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from convertkit.sources import inspect_source
from convertkit.sources.savedmodel_rules import listed_operators
from tests.conftest import Lab, fixture_samples

pytestmark = pytest.mark.slow
tf: Any = pytest.importorskip("tensorflow")
VECTOR = tf.TensorSpec([None, 3], name="x")
TEXTS = tf.TensorSpec([None], tf.string, name="texts")


def file_table(path: Path) -> Any:
    """A table from a vocabulary's file."""
    line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
    return tf.lookup.TextFileInitializer(str(path), tf.string, line, tf.int64, number)


def keras_models() -> dict[str, tuple[Any, tuple[int, ...], str]]:
    """Layers, shape and dtype of what Keras exports."""
    import keras

    layers = keras.layers
    image = [layers.Rescaling(1 / 255), layers.RandomFlip(), layers.Conv2D(4, 3, activation="gelu")]
    image += [layers.BatchNormalization(), layers.DepthwiseConv2D(3), layers.MaxPooling2D()]
    table = [layers.StringLookup(vocabulary=["a", "b"]), layers.Embedding(4, 4)]
    return {
        "mlp": ([layers.Normalization(mean=0.0, variance=1.0), layers.Dense(2, "softmax")], (4,), "float32"),
        "cnn": ([*image, layers.Resizing(8, 8), layers.GlobalAveragePooling2D()], (16, 16, 3), "float32"),
        "recurrent": (
            [layers.Bidirectional(layers.LSTM(4, return_sequences=True)), layers.GRU(4)],
            (6, 3),
            "float32",
        ),
        "lookup": (table, (3,), "string"),
    }


@pytest.mark.parametrize("name", ["mlp", "cnn", "recurrent", "lookup"])
def test_what_keras_exports_passes(tmp_path: Path, name: str) -> None:
    import keras

    layers, shape, dtype = keras_models()[name]
    given = keras.Input(shape, dtype=dtype)
    output = given
    for layer in layers:
        output = layer(output)
    keras.Model(given, output).export(str(tmp_path / "m"), verbose=False)
    assert inspect_source(tmp_path / "m").refusals == ()


def test_what_tf_keras_saves_passes(tmp_path: Path, vocabulary: Path) -> None:
    """Its text layers keep a vocabulary's file, its LSTM functions that are exchanged by attribute."""
    tf_keras: Any = pytest.importorskip("tf_keras")
    layers = tf_keras.layers
    text = [layers.TextVectorization(vocabulary=str(vocabulary), output_sequence_length=4)]
    model = tf_keras.Sequential(
        [layers.Input((1,), dtype="string"), *text, layers.Embedding(6, 3), layers.LSTM(4)]
    )
    model.save(tmp_path / "m", save_format="tf")
    assert (tmp_path / "m" / "assets" / "vocabulary.txt").exists()
    assert inspect_source(tmp_path / "m").refusals == ()


class Benign(tf.Module):  # type: ignore[misc]
    """Control flow, tables from memory and from a file, decoding, printing."""

    def __init__(self, vocabulary: Path) -> None:
        self.weight = tf.Variable(tf.ones([3, 2]))
        pairs = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2])
        self.table = tf.lookup.StaticHashTable(pairs, -1)
        self.words = tf.lookup.StaticVocabularyTable(file_table(vocabulary), 2)

    @tf.function(input_signature=[VECTOR])  # type: ignore[untyped-decorator]
    def serve(self, x: Any) -> Any:
        y = x @ self.weight
        while tf.reduce_sum(y) > 10.0:
            y = y / 2.0
        y = tf.cond(tf.reduce_sum(y) > 0, lambda: y + 1.0, lambda: y - 1.0)
        tf.print("shape", tf.shape(y))
        tf.debugging.assert_greater(tf.shape(y)[0], 0)
        return {"y": tf.map_fn(lambda row: row * 2, y)}

    @tf.function(input_signature=[TEXTS])  # type: ignore[untyped-decorator]
    def read(self, texts: Any) -> Any:
        image = tf.image.resize(tf.io.decode_jpeg(texts[0], 3), [8, 8])
        parsed = tf.io.parse_example(texts, {"f": tf.io.FixedLenFeature([2], tf.float32)})
        return {"i": image, "f": parsed["f"], "t": self.table.lookup(texts), "w": self.words.lookup(texts)}


def test_what_tensorflow_saves_passes(tmp_path: Path, vocabulary: Path) -> None:
    module = Benign(vocabulary)
    tf.saved_model.save(module, str(tmp_path / "m"), {"serving_default": module.serve, "read": module.read})
    assert inspect_source(tmp_path / "m").refusals == ()
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    tf.saved_model.save(loaded, str(tmp_path / "again"), loaded.signatures)
    assert inspect_source(tmp_path / "again").refusals == ()


def save_version_1(folder: Path, vocabulary: Path, canary: Path | None = None) -> None:
    """A model in the style of TensorFlow 1; its initialization writes a file where one is named."""
    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 3])
        texts = v1.placeholder(tf.string, [None])
        y = x @ v1.get_variable("w", [3, 2], use_resource=False)
        table = tf.lookup.StaticHashTable(file_table(vocabulary), -1)
        inputs, outputs = {"x": x, "t": texts}, {"y": y, "i": table.lookup(texts)}
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        init = v1.tables_initializer()
        if canary is not None:
            init = tf.group(init, tf.io.write_file(str(canary), "x"))
        v1.saved_model.simple_save(session, str(folder), inputs, outputs, init)


def test_the_style_of_tensorflow_1_passes(tmp_path: Path, vocabulary: Path) -> None:
    save_version_1(tmp_path / "m", vocabulary)
    assert inspect_source(tmp_path / "m").refusals == ()
    save_version_1(tmp_path / "bad", vocabulary, tmp_path / "canary")
    assert inspect_source(tmp_path / "bad").refusals == ("its graph uses WriteFile",)


def test_what_our_own_stages_make_passes(lab: Lab) -> None:
    samples = fixture_samples("digits")
    graph = lab.convert("torch_to_onnx", lab.fixture("digits"), "onnx", samples)
    for converter in ("tracked", "onnx2tf"):
        made = lab.convert("onnx_to_savedmodel", graph, "savedmodel", samples, {"converter": converter})
        assert inspect_source(Path(made.path)).refusals == ()


REGISTERED = """
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session
operators = op_def_pb2.OpList()
operators.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
print(*(operator.name for operator in operators.op))
"""


def test_every_operator_of_tensorflow_is_listed() -> None:
    """Else scripts/list_tensorflow_operators.py is to be run again, and its result to be looked through.

    In a process of its own: TFLite registers more operators where it is loaded too.
    """
    done = subprocess.run([sys.executable, "-c", REGISTERED], capture_output=True, text=True, check=True)
    names = set(done.stdout.split())
    assert len(names) > 1000
    assert names <= listed_operators().keys()
