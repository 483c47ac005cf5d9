"""SavedModel → TFLite at five precisions; built-in operators only.

TensorFlow's converter makes the file; the integers are its own, or of litert-quantizer, whose settings are in
`convertkit/stages/litert_quantization.py` and which starts from a float `.tflite` by the same converter.
Constants that float16 cannot hold stay float32: `convertkit/stages/half_constants.py`.

Upstream flags set: `optimizations=DEFAULT` (all but float32); `target_spec.supported_types=[float16]`;
`target_spec.supported_ops` (TFLITE_BUILTINS, _INT8, or 16x8; never SELECT_TF_OPS: Flex is an error, not a
fallback); `representative_dataset`, one sample a step; `inference_input_type` / `inference_output_type` for
integer I/O; `_experimental_disable_per_channel`, the only switch for per-tensor weights. Where the end of the
graph is of several units, `_experimental_calibrate_only`; the same quantizer is then called without that end:
`convertkit/stages/tflite_heads.py`. Recurrent layers: `convertkit/stages/tflite_recurrent.py`. Masks of
attention in files that compute in float: `convertkit/stages/tflite_masks.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import tensorflow as tf

from convertkit.artifacts.formats import Precision
from convertkit.artifacts.signature import Arrays, Signature, TensorSpec, taken
from convertkit.artifacts.transformation import HEADS, RECURRENT, Transformation
from convertkit.causes import first_line
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.errors import StageError
from convertkit.graphs.tflite_file import check_scales, foreign_operators
from convertkit.runtimes.interpreter import read_signature
from convertkit.samples.representative import calibration_steps, read_calibration
from convertkit.stages import Conversion, Request, litert_quantization
from convertkit.stages.half_constants import mend_constants
from convertkit.stages.measured_gain import gain_db
from convertkit.stages.quantizer_reason import quantizer_reason
from convertkit.stages.settled_savedmodel import has_loops, odd_precision, settled
from convertkit.stages.shared_calibration import Shared
from convertkit.stages.tflite_converter_ranges import chooses_ranges, converted_by_ranges
from convertkit.stages.tflite_heads import (
    calibrated_spans,
    find_head,
    may_mix_units,
    quantize_without,
    run_file,
    with_own_ranges,
)
from convertkit.stages.tflite_masks import add_masks
from convertkit.stages.tflite_recurrent import find_recurrent, quantize_around

INT16X8_OPS = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
SIGNATURE = "serving_default"
FLOAT_FILE = "float.tflite"


def convert(request: Request[SavedmodelToTfliteOptions]) -> Conversion:
    """Convert, then check what came out: operators, scales, types; that it loads."""
    convert_with = convert_litert if request.options.quantizer == "litert" else convert_tensorflow
    remarks = litert_quantization.Remarks()
    content = convert_with(request, remarks)
    if not request.target.precision.needs_calibration:
        content = add_masks(content)
    foreign = foreign_operators(content)
    if foreign:
        raise StageError(f"the result needs operators that are not built in: {', '.join(foreign)}")
    check_scales(content)
    source = taken(request.source.signature)
    outputs = tuple(msgspec.structs.replace(spec, key=None) for spec in source.outputs)
    read = read_signature(open_interpreter(content))
    signature = named_signature(read, Signature(source.inputs, outputs))
    check_types(signature, request)
    request.out.write_bytes(content)
    return Conversion(signature, tuple(remarks.notes), transformations=tuple(remarks.transformations))


def convert_tensorflow(
    request: Request[SavedmodelToTfliteOptions], told: litert_quantization.Remarks
) -> bytes:
    """By TFLiteConverter alone."""
    precision = request.target.precision
    keeps_states = request.options.keeps_states(precision)
    if keeps_states and has_loops(request.source.path):
        return convert_recurrent(request, told)
    content = run_converter(request, precision)
    if keeps_states and find_recurrent(content):
        return convert_recurrent(request, told)
    if precision is Precision.FLOAT16:
        content = mend_constants(content, partial(run_converter, request, Precision.FLOAT32))
    mixes_units = request.options.keeps_units(precision) and may_mix_units(content)
    is_int8 = precision is Precision.INT8
    chooses = is_int8 and chooses_ranges(request.options, content, calibration(request))
    if not mixes_units and not chooses:
        return content
    started, per_channel = time.perf_counter(), request.options.per_channel
    calibrated = run_converter(request, precision, calibrates_only=True)
    calibrated = with_own_ranges(calibrated, SIGNATURE, calibration(request))
    if chooses:
        calls = list(calibration(request))
        ranged = converted_by_ranges(content, calibrated, SIGNATURE, calls, per_channel=per_channel)
        ranged.tell(told.notes, told.transformations)
        content, calibrated, started = ranged.content, ranged.ranges, time.perf_counter()
    head = find_head(calibrated, calibrated_spans(calibrated)) if mixes_units else None
    if head is None:
        return content
    made = quantize_without(calibrated, head, per_channel=per_channel)
    seconds = time.perf_counter() - started
    gained = gain_db(run_file, calibrated, content, made, calibration(request))
    told.notes.append(head.describe())
    told.transformations.append(Transformation(HEADS, seconds, gained))
    return made


def convert_recurrent(
    request: Request[SavedmodelToTfliteOptions], told: litert_quantization.Remarks
) -> bytes:
    """By TFLiteConverter and its quantizer, recurrent layers with float values.

    Its calibrator is left out: it crashes (SIGSEGV) on a loop without a dynamic tensor.
    """
    plain, started = float_file(request), time.perf_counter()
    per_channel = request.options.per_channel
    made, notes = quantize_around(plain, SIGNATURE, calibration(request), per_channel=per_channel)
    told.notes += notes
    told.transformations.append(Transformation(RECURRENT, time.perf_counter() - started))
    return made


def calibration(request: Request[SavedmodelToTfliteOptions]) -> Iterator[Arrays]:
    """The calibration samples, one call each."""
    return calibration_steps(taken(request.source.signature), read_calibration(request.calibration))


def convert_litert(request: Request[SavedmodelToTfliteOptions], told: litert_quantization.Remarks) -> bytes:
    """To a float `.tflite` by TFLiteConverter, to integers by litert-quantizer."""
    plain = float_file(request)
    (request.scratch / FLOAT_FILE).write_bytes(plain)
    precision = request.target.precision
    steps = calibration(request) if precision.needs_calibration else ()
    content = litert_quantization.quantize(plain, precision, request.options, steps, request.shared, told)
    left = litert_quantization.float_operators(content) if precision.needs_calibration else ""
    told.notes += [left] if left else []
    return content


def float_file(request: Request[SavedmodelToTfliteOptions]) -> bytes:
    """The float `.tflite` that litert-quantizer starts from."""
    return Shared(request.shared).float_file(partial(run_converter, request, Precision.FLOAT32))


def run_converter(
    request: Request[SavedmodelToTfliteOptions], precision: Precision, *, calibrates_only: bool = False
) -> bytes:
    """What TFLiteConverter makes.

    Args:
        calibrates_only: stop before quantizing: the float file with the ranges of its tensors.

    Raises:
        StageError: it failed; the line names the operators where it does.
    """
    folder = settled(request.source, request.examples, request.scratch)
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
    set_precision(converter, precision, request)
    converter._experimental_calibrate_only = calibrates_only
    try:
        content: bytes = converter.convert()
    except Exception as error:  # the converter raises its own, RuntimeError, ValueError, and worse
        reason = quantizer_reason(error)
        raise odd_precision(request.source.path, reason) or StageError(
            f"TFLiteConverter failed: {reason}"
        ) from error
    return content


def set_precision(converter: Any, precision: Precision, request: Request[SavedmodelToTfliteOptions]) -> None:
    """Set the converter's flags for a precision."""
    options = request.options
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if precision is Precision.FLOAT32:
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter._experimental_disable_per_channel = not options.per_channel
    if precision is Precision.FLOAT16:
        converter.target_spec.supported_types = [tf.float16]
    if not precision.needs_calibration:
        return
    converter.representative_dataset = lambda: calibration(request)
    if precision is Precision.INT16X8:
        converter.target_spec.supported_ops = [INT16X8_OPS]
        return
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.as_dtype(options.io)
    converter.inference_output_type = tf.as_dtype(options.io)


def open_interpreter(content: bytes) -> Any:
    """An interpreter with its tensors allocated.

    Raises:
        StageError: the file that the converter wrote does not load.
    """
    interpreter = tf.lite.Interpreter(model_content=content)
    try:
        interpreter.allocate_tensors()
    except RuntimeError as error:
        raise StageError(f"the converted file does not load: {first_line(error)}") from None
    return interpreter


def named_signature(read: Signature, source: Signature) -> Signature:
    """The file's own signature in the source's order, with the names of axes and the axis order."""
    return Signature(
        tuple(named_spec(read.inputs, spec) for spec in source.inputs),
        tuple(named_spec(read.outputs, spec) for spec in source.outputs),
    )


def named_spec(read: tuple[TensorSpec, ...], source: TensorSpec) -> TensorSpec:
    """One tensor as the file has it.

    Raises:
        StageError: the converter lost it, or gave it another rank.
    """
    found = {spec.name: spec for spec in read}.get(source.runtime_name)
    if found is None or len(found.shape) != len(source.shape):
        raise StageError(f"the converted file has no tensor like '{source.name}' ({source.describe()})")
    named = tuple(
        known if isinstance(dim, str) and isinstance(known, str) else dim
        for dim, known in zip(found.shape, source.shape, strict=True)
    )
    return msgspec.structs.replace(
        found, name=source.name, shape=named, axis_order=source.axis_order, key=source.key
    )


def check_types(signature: Signature, request: Request[SavedmodelToTfliteOptions]) -> None:
    """Raise StageError where an input or output has not the type that was asked for."""
    wanted = request.options.io if request.target.precision is Precision.INT8 else "float32"
    source = taken(request.source.signature)
    pairs = [
        *zip(signature.inputs, source.inputs, strict=True),
        *zip(signature.outputs, source.outputs, strict=True),
    ]
    for made, before in pairs:
        expected = wanted if before.dtype == "float32" else before.dtype
        if made.dtype != expected:
            raise StageError(f"'{made.name}' came out as {made.dtype}, {expected} was asked for")
