"""Files and folders of other programs, each told in one line with what to do; none of them is read here."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from string import Template
from typing import NamedTuple

from convertkit.errors import ModelFileError

FROM_TRAINING = "give the model that it was made from: .pt2, TorchScript, a state dict, .onnx or a SavedModel"
FROM_THE_HUB = "give the Hugging Face folder that it was made from: hf download ORG/NAME --local-dir NAME"
ARRAYS = "arrays are samples of a model: convertkit convert MODEL --to tflite:int8 --samples $file"
RECIPE = "a recipe goes with a model: convertkit convert MODEL --recipe $file"
PADDLE = "write an .onnx of it with paddle2onnx, and give that"
# Python of TensorFlow 1; whoever runs it puts in the names of the graph's own tensors.
IN_PYTHON = (
    "in Python, with the names of its own tensors, then give the folder saved: "
    "import tensorflow.compat.v1 as tf; tf.disable_eager_execution(); s = tf.Session(); "
)
IMPORT_GRAPH = "tf.import_graph_def(tf.GraphDef.FromString(open($path, 'rb').read()), name=''); "
IMPORT_TEXT = (
    "from google.protobuf import text_format; "
    "tf.import_graph_def(text_format.Parse(open($path).read(), tf.GraphDef()), name=''); "
)
IMPORT_META = (  # frozen, since the checkpoint's own reader and writer of files are in its graph
    "tf.train.import_meta_graph($path).restore(s, $prefix); "
    "g = tf.graph_util.convert_variables_to_constants(s, s.graph_def, ['OUTPUT']); "
    "tf.reset_default_graph(); tf.import_graph_def(g, name=''); s = tf.Session(); "
)
SAVE = (
    "tf.saved_model.simple_save(s, 'saved', {'x': s.graph.get_tensor_by_name('INPUT:0')}, "
    "{'y': s.graph.get_tensor_by_name('OUTPUT:0')})"
)


TF_SUFFIX = re.compile(r"\.(?:index|meta|data-\d+-of-\d+)$")


class Stranger(NamedTuple):
    """What a file is, and what to do.

    Attributes:
        hint: with the file as a shell takes it for `$file`, and as Python does for `$path`; `$prefix` is what
            TensorFlow calls a checkpoint by.
    """

    what: str
    hint: str = FROM_TRAINING

    def hint_for(self, path: Path) -> str:
        """The hint, with the file's own name."""
        prefix = str(path / "NAME") if path.is_dir() else TF_SUFFIX.sub("", str(path))
        names = {"file": shlex.quote(str(path)), "path": repr(str(path)), "prefix": repr(prefix)}
        return Template(self.hint).substitute(names)


COREML = Stranger("a Core ML model, which is an end product for Apple's devices")
OPENVINO = Stranger("a part of an OpenVINO model (.xml with .bin), which is an end product of its converter")
NCNN = Stranger("a part of an ncnn model (.param with .bin), which is an end product of its converter")
EXECUTORCH = Stranger("an ExecuTorch program, which is an end product for devices")
CAFFE = Stranger("a part of a Caffe model", "convert it to .onnx, for example with caffe2onnx, and give that")
TF_CHECKPOINT = Stranger(
    "a TensorFlow checkpoint: weights without a model",
    "build the model with tf_keras; model.load_weights($prefix); model.export('saved'); "
    "then give the folder saved",
)
TF_GRAPH = Stranger("a frozen TensorFlow graph", IN_PYTHON + IMPORT_GRAPH + SAVE)
TF_TEXT_GRAPH = Stranger("a frozen TensorFlow graph", IN_PYTHON + IMPORT_TEXT + SAVE)
TF_META_GRAPH = Stranger("the graph of a TensorFlow 1 checkpoint", IN_PYTHON + IMPORT_META + SAVE)

SUFFIXES = {
    ".mlpackage": COREML,
    ".mlmodel": COREML,
    ".mlmodelc": COREML,
    ".engine": Stranger("a TensorRT engine, which runs on the GPU that it was built on and nowhere else"),
    ".plan": Stranger("a TensorRT engine, which runs on the GPU that it was built on and nowhere else"),
    ".trt": Stranger("a TensorRT engine, which runs on the GPU that it was built on and nowhere else"),
    ".gguf": Stranger(
        "a GGUF file of llama.cpp, its weights in blocks of their own",
        FROM_THE_HUB,
    ),
    ".ggml": Stranger(
        "a GGML file of llama.cpp, its weights in blocks of their own",
        FROM_THE_HUB,
    ),
    ".pdmodel": Stranger("a PaddlePaddle model", PADDLE),
    ".pdiparams": Stranger("weights of a PaddlePaddle model", PADDLE),
    ".pdparams": Stranger("weights of a PaddlePaddle model", PADDLE),
    ".nb": Stranger("a Paddle Lite model, which is an end product for devices", PADDLE),
    ".mnn": Stranger("an MNN model, which is an end product for devices"),
    ".ncnn": NCNN,
    ".param": NCNN,
    ".caffemodel": CAFFE,
    ".prototxt": CAFFE,
    ".ptl": Stranger(
        "a TorchScript file for PyTorch Mobile's interpreter",
        "save it without _save_for_lite_interpreter: torch.jit.script(model).save('model.pt')",
    ),
    ".pte": EXECUTORCH,
    ".hef": Stranger("a Hailo executable, which is an end product for its accelerator"),
    ".rknn": Stranger("a Rockchip model, which is an end product for its accelerator"),
    ".dlc": Stranger("a Qualcomm SNPE container, which is an end product for its accelerator"),
    ".blob": Stranger("a blob for Myriad chips, which is an end product for its accelerator"),
    ".kmodel": Stranger("a Kendryte model, which is an end product for its accelerator"),
    ".om": Stranger("an Ascend model, which is an end product for its accelerator"),
    ".mar": Stranger("an archive of TorchServe", "unpack it, and give the model file in it: unzip $file"),
    ".nemo": Stranger("an archive of NeMo", "export it to .onnx with NeMo, and give that"),
    ".msgpack": Stranger(
        "weights of Flax", "give a folder with PyTorch's: hf download ORG/NAME --local-dir NAME"
    ),
    ".pb": TF_GRAPH,
    ".pbtxt": TF_TEXT_GRAPH,
    ".index": TF_CHECKPOINT,
    ".meta": TF_META_GRAPH,
    ".joblib": Stranger(
        "a file of joblib, mostly scikit-learn's", "write an .onnx of it with skl2onnx, and give that"
    ),
    ".npz": Stranger("arrays, not a model", ARRAYS),
    ".npy": Stranger("an array, not a model", ARRAYS),
    ".py": Stranger(
        "Python code, not a model",
        "give its weights, and what builds the model in it: WEIGHTS.pt --factory FILE.py:CALLABLE",
    ),
    ".yaml": Stranger("a YAML file, not a model", RECIPE),
    ".yml": Stranger("a YAML file, not a model", RECIPE),
}
MAGICS = (
    (0, b"GGUF", SUFFIXES[".gguf"]),
    (4, b"ET12", EXECUTORCH),
    (0, b"ftrt", SUFFIXES[".engine"]),
    (0, b"RKNN", SUFFIXES[".rknn"]),
    (0, b"\x01HEF", SUFFIXES[".hef"]),
    (0, b"7767517\n", NCNN),
)
FOLDERS = (
    ("Manifest.json", COREML),
    ("checkpoint", TF_CHECKPOINT),
    ("inference.pdmodel", SUFFIXES[".pdmodel"]),
    ("openvino_model.xml", OPENVINO),
    ("genai_config.json", Stranger("a folder of ONNX Runtime GenAI", "give the .onnx file in it")),
)


def refuse_strangers(head: bytes, path: Path) -> None:
    """Raise ModelFileError for another program's file, told by its first bytes or its name."""
    found = next((each for place, magic, each in MAGICS if head[place : place + len(magic)] == magic), None)
    if found is None and b"<net " in head[:512] and b"version=" in head[:512]:
        found = OPENVINO
    if found is None and ".data-0" in path.name:
        found = TF_CHECKPOINT
    if found is None and path.suffix.lower() == ".bin" and path.with_suffix(".xml").is_file():
        found = OPENVINO
    if found is None and path.suffix.lower() == ".bin" and path.with_suffix(".param").is_file():
        found = NCNN
    refuse(found or SUFFIXES.get(path.suffix.lower()), path)


def refuse_folders(folder: Path) -> None:
    """Raise ModelFileError for another program's folder, or one that holds models."""
    named = (each for name, each in FOLDERS if (folder / name).is_file())
    refuse(next(named, None) or SUFFIXES.get(folder.suffix.lower()), folder)
    models = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".onnx", ".tflite", ".pt2", ".pt"))
    if models:
        told = f"a folder that is no model itself, and holds {len(models)} of them"
        raise ModelFileError(told, hint=f"give one of them: {models[0]}")


def refuse(found: Stranger | None, path: Path) -> None:
    """Raise ModelFileError where there is something to refuse."""
    if found is not None:
        raise ModelFileError(found.what, hint=found.hint_for(path))
