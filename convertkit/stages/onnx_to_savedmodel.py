"""ONNX → TensorFlow SavedModel, a `serving_default` signature under the source's names.

One interface, several converters: each takes a cleaned graph and returns a `tf.Module` with its signature.
Upstream flags set: onnxslim's defaults; onnx2tf's are listed in `convertkit/onnx2tf_converter.py`.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxslim
import tensorflow as tf

from convertkit import onnx2tf_converter
from convertkit.errors import StageError
from convertkit.onnx_graph import fix_axes
from convertkit.options import OnnxToSavedmodelOptions
from convertkit.runtimes.onnxruntime import first_line
from convertkit.signature import Arrays
from convertkit.stages import Conversion, Request
from convertkit.tensors import read_npz

SIGNATURE = "serving_default"


def convert(request: Request[OnnxToSavedmodelOptions]) -> Conversion:
    """Clean the graph, fix its axes where asked, convert, save."""
    options = request.options
    model = onnx.load(request.source.path)
    examples = read_npz(request.examples)
    if options.batch == "static":
        examples = {name: values[:1] for name, values in examples.items()}
    if options.prepare_with == "onnxslim":
        model = prepare(model, examples, options)
    try:
        module, signature = onnx2tf_converter.convert(model, examples, options, request.scratch)
    except StageError:
        raise
    except (Exception, SystemExit) as error:  # onnx2tf raises anything, and calls sys.exit
        raise StageError(f"onnx2tf failed: {type(error).__name__}: {first_line(error)}"[:300]) from error
    save(module, request.out)
    return Conversion(signature)


def prepare(model: onnx.ModelProto, examples: Arrays, options: OnnxToSavedmodelOptions) -> onnx.ModelProto:
    """The graph with its axes fixed where asked, folded and simplified.

    onnxslim accepts broken graphs, so the result is checked.
    """
    if options.batch == "static":
        fix_axes(model, {name: values.shape for name, values in examples.items()})
    slimmed: onnx.ModelProto = onnxslim.slim(model)
    onnx.checker.check_model(slimmed)
    return slimmed


def save(module: tf.Module, folder: Path) -> None:
    """Write the SavedModel. `fingerprint.pb` differs from run to run and serves nothing: it is removed."""
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: module.serve})
    (folder / "fingerprint.pb").unlink(missing_ok=True)
