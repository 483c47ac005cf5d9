"""ONNX → TensorFlow SavedModel, a `serving_default` signature under the source's names.

Two converters behind one interface: `tracked` (`convertkit/lowering`) and `onnx2tf`; the gate decides.
Upstream flags set: onnxslim's defaults; onnx2tf's are listed in `convertkit/stages/onnx2tf_converter.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import onnx
import onnxslim
import tensorflow as tf

from convertkit.artifacts.axes import one_sample
from convertkit.artifacts.signature import Arrays, TensorSpec
from convertkit.artifacts.tensors import read_npz
from convertkit.causes import first_line
from convertkit.config.stage_options import OnnxToSavedmodelOptions
from convertkit.errors import StageError
from convertkit.graphs.float32 import in_float32
from convertkit.graphs.onnx_graph import fix_axes, settle
from convertkit.graphs.onnx_names import rename_outputs
from convertkit.graphs.resizes import with_whole_sizes
from convertkit.graphs.savedmodel_names import number_functions
from convertkit.lowering import Lowered, lower, write_savedmodel
from convertkit.lowering.faults import UnevenBranches
from convertkit.stages import Conversion, Request, onnx2tf_converter

SIGNATURE = "serving_default"


def convert(request: Request[OnnxToSavedmodelOptions]) -> Conversion:
    """Fix the axes where asked, convert, save."""
    options = request.options
    inputs = request.source.signature.inputs
    model, examples = settled(request, inputs)
    if options.batch == "static":
        examples = one_sample(inputs, examples)
        if options.prepare_with == "onnxslim":
            fix_axes(model, {name: values.shape for name, values in examples.items()})
    convert_with = {"tracked": convert_tracked, "onnx2tf": convert_onnx2tf}[options.converter]
    conversion = convert_with(model, examples, request)
    number_functions(request.out)
    (request.out / "fingerprint.pb").unlink(missing_ok=True)  # differs from run to run, serves nothing
    return conversion


def settled(
    request: Request[OnnxToSavedmodelOptions], inputs: tuple[TensorSpec, ...]
) -> tuple[onnx.ModelProto, Arrays]:
    """The source's graph with what these inputs fix, in float32, and one call of those that it takes."""
    model = onnx.load(request.source.path)
    if request.source.half:
        model = in_float32(model)
    settle(model, inputs, request.examples)
    rename_outputs(model, request.source.signature.outputs)
    examples = read_npz(request.examples)
    return model, {spec.name: examples[spec.name] for spec in inputs if not spec.is_bound}


def convert_tracked(
    model: onnx.ModelProto, examples: Arrays, request: Request[OnnxToSavedmodelOptions]
) -> Conversion:
    """By this program's own lowering; it folds constants itself and needs no samples.

    Where an `If` has to be decided by the size of an axis, that is fixed as the samples have it, and said.
    """
    notes: tuple[str, ...] = ()
    try:
        lowered = lowered_model(model, request)
    except UnevenBranches:
        inputs = tuple(with_lengths(spec, examples) for spec in request.source.signature.inputs)
        notes = tuple(dict.fromkeys(told_lengths(request.source.signature.inputs, inputs)))
        if not notes:
            raise
        lowered = lowered_model(settled(request, inputs)[0], request)
    write_savedmodel(lowered, request.out)
    return Conversion(lowered.signature, notes)


def lowered_model(model: onnx.ModelProto, request: Request[OnnxToSavedmodelOptions]) -> Lowered:
    """The graph as TensorFlow has it."""
    with_whole_sizes(model)
    return lower(model, layout=request.options.layout, base_dir=Path(request.source.path).parent)


def with_lengths(spec: TensorSpec, examples: Arrays) -> TensorSpec:
    """An input with every free axis but the batch at the size that it has in the examples."""
    if spec.name not in examples:
        return spec
    sizes = examples[spec.name].shape
    shape = tuple(
        dim if axis == spec.batch_axis else sizes[axis] for axis, dim in enumerate(spec.logical_shape)
    )
    return msgspec.structs.replace(spec, shape=shape)


def told_lengths(before: tuple[TensorSpec, ...], after: tuple[TensorSpec, ...]) -> Iterator[str]:
    """A note for each axis that was fixed."""
    for old, new in zip(before, after, strict=True):
        for word, size in zip(old.logical_shape, new.logical_shape, strict=True):
            if word != size:
                yield f"axis '{word}' is fixed at {size}, as in the samples: an If is decided by it"


def convert_onnx2tf(
    model: onnx.ModelProto, examples: Arrays, request: Request[OnnxToSavedmodelOptions]
) -> Conversion:
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
    return Conversion(signature)


def slim(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph folded and simplified; onnxslim accepts broken graphs, so the result is checked."""
    slimmed: onnx.ModelProto = onnxslim.slim(model)
    onnx.checker.check_model(slimmed)
    return slimmed
