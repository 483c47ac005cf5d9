"""What the reader of a hint has besides: the model that a file belongs to, the program that wrote it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from benchmarks import sources_files as files

WHEELS = files.ROOT / "build" / "sources" / "wheels"
LINEAR = "import torch; model = torch.nn.Linear(3, 3)"
KERAS = """
import tf_keras
model = tf_keras.Sequential([tf_keras.Input((4,), name="image"), tf_keras.layers.Dense(3)])
"""
ADAPTED = f"""
import sys
sys.path.append({str(WHEELS)!r})
import peft, transformers
base = transformers.AutoModel.from_pretrained("base")
model = peft.get_peft_model(base, peft.LoraConfig(target_modules=["query"]))
"""
ONNX = """
<ir_version: 8, opset_import: ["" : 18]>
product (float[batch, 4] x) => (float[batch, 3] y) { y = MatMul(x, w) }
"""
GRAPH = """
import tensorflow.compat.v1 as tf
from google.protobuf import text_format
tf.disable_eager_execution()
image = tf.placeholder(tf.float32, [None, 4], name="image")
scores = tf.matmul(image, tf.get_variable("w", [4, 3]), name="scores")
session = tf.Session()
session.run(tf.global_variables_initializer())
tf.train.Saver().save(session, "model")
graph = tf.graph_util.convert_variables_to_constants(session, session.graph_def, ["scores"])
open("model.pb", "wb").write(graph.SerializeToString())
open("model.pbtxt", "w").write(text_format.MessageToString(graph))
"""


def run_python(code: str, folder: Path) -> None:
    """Python in a process of its own."""
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True)


def graph(folder: Path) -> None:
    """A graph of TensorFlow 1, frozen, as text, and as a checkpoint."""
    run_python(GRAPH, folder)


def checkpoint(folder: Path) -> None:
    """Weights as `save_weights` of TensorFlow's own Keras wrote them."""
    run_python(f"{KERAS}\nmodel.save_weights('model')", folder)


def digits(folder: Path) -> None:
    """The fixture that the arrays are samples of."""
    import numpy as np

    shutil.copy(files.DIGITS / "model.pt2", folder / "model.pt2")
    shutil.copy(files.DIGITS / "samples.npz", folder / "model.npz")
    with np.load(folder / "model.npz") as arrays:
        np.save(folder / "model.npy", arrays["image"])


def recipe(folder: Path) -> None:
    """A recipe, and a model that it goes with."""
    digits(folder)
    for suffix in (".yaml", ".yml"):
        (folder / f"model{suffix}").write_text("to: [onnx]\nbench: {rounds: 2}\n")


def weights(folder: Path) -> None:
    """The weights that belong to Python code."""
    files.state(dict)(folder)
    (folder / "mynet.py").replace(folder / "model.py")


def onnx_file(path: Path) -> None:
    """A product with a matrix, as ONNX."""
    import numpy as np
    import onnx

    model = onnx.parser.parse_model(ONNX)
    weights = np.arange(12, dtype=np.float32).reshape(4, 3) / 12
    model.graph.initializer.append(onnx.numpy_helper.from_array(weights, "w"))
    onnx.save(model, path)


def folder_of_models(folder: Path) -> None:
    """A folder with one model."""
    onnx_file(folder / "nets" / "a.onnx")


def archive(folder: Path) -> None:
    """An archive with a model."""
    onnx_file(folder / "inside.onnx")
    with zipfile.ZipFile(folder / "model.mar", "w") as stream:
        stream.write(folder / "inside.onnx", "model.onnx")


def base(folder: Path) -> None:
    """The model that an adapter is for."""
    from tests.pytorch.folders import bert

    bert(folder / "base")


def text_encoder(folder: Path) -> None:
    """One of the models of a pipeline."""
    from tests.pytorch.folders import bert

    bert(folder / "net" / "text_encoder")
