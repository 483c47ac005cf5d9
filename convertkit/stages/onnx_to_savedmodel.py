"""ONNX → TensorFlow SavedModel, a `serving_default` signature under the source's names.

Two converters behind one interface: `tracked` (`convertkit/lowering`) and `onnx2tf`; the gate decides.
Upstream flags set: onnxslim's defaults; onnx2tf's are listed in `convertkit/stages/onnx2tf_converter.py`.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxslim
import tensorflow as tf

from convertkit.artifacts.axes import one_sample
from convertkit.artifacts.signature import Arrays, Signature
from convertkit.artifacts.tensors import read_npz
from convertkit.config.stage_options import OnnxToSavedmodelOptions
from convertkit.errors import StageError, first_line
from convertkit.graphs.float32 import in_float32
from convertkit.graphs.onnx_graph import fix_axes, settle
from convertkit.graphs.onnx_names import rename_outputs
from convertkit.graphs.resizes import with_whole_sizes
from convertkit.graphs.savedmodel_names import number_functions
from convertkit.lowering import lower, write_savedmodel
from convertkit.stages import Conversion, Request, onnx2tf_converter

SIGNATURE = "serving_default"


def convert(request: Request[OnnxToSavedmodelOptions]) -> Conversion:
    """Fix the axes where asked, convert, save."""
    options = request.options
    model = onnx.load(request.source.path)
    if request.source.half:
        model = in_float32(model)
    examples = read_npz(request.examples)
    inputs = request.source.signature.inputs
    settle(model, inputs, request.examples)
    rename_outputs(model, request.source.signature.outputs)
    examples = {spec.name: examples[spec.name] for spec in inputs if not spec.is_bound}
    if options.batch == "static":
        examples = one_sample(inputs, examples)
        if options.prepare_with == "onnxslim":
            fix_axes(model, {name: values.shape for name, values in examples.items()})
    convert_with = {"tracked": convert_tracked, "onnx2tf": convert_onnx2tf}[options.converter]
    signature = convert_with(model, examples, request)
    number_functions(request.out)
    (request.out / "fingerprint.pb").unlink(missing_ok=True)  # differs from run to run, serves nothing
    return Conversion(signature)


def convert_tracked(
    model: onnx.ModelProto, examples: Arrays, request: Request[OnnxToSavedmodelOptions]
) -> Signature:
    """By this program's own lowering; it folds constants itself and needs no samples."""
    with_whole_sizes(model)
    lowered = lower(model, layout=request.options.layout, base_dir=Path(request.source.path).parent)
    write_savedmodel(lowered, request.out)
    return lowered.signature


def convert_onnx2tf(
    model: onnx.ModelProto, examples: Arrays, request: Request[OnnxToSavedmodelOptions]
) -> Signature:
    """By onnx2tf, which raises anything, and calls sys.exit."""
    if request.options.prepare_with == "onnxslim":
        model = slim(model)
    try:
        module, signature = onnx2tf_converter.convert(model, examples, request.options, request.scratch)
    except StageError:
        raise
    except (Exception, SystemExit) as error:
        raise StageError(f"onnx2tf failed: {type(error).__name__}: {first_line(error)}"[:300]) from error
    tf.saved_model.save(module, str(request.out), signatures={SIGNATURE: module.serve})
    return signature


def slim(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph folded and simplified; onnxslim accepts broken graphs, so the result is checked."""
    slimmed: onnx.ModelProto = onnxslim.slim(model)
    onnx.checker.check_model(slimmed)
    return slimmed
