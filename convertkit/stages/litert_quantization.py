"""A float `.tflite` to integers by litert-quantizer, an optional extra. Runs in a worker.

What it is told, and why: calibration by min-max (`qsv_update_func=min_max_update`), since its own moving
average clips what is rare; one scale for the weights of BATCH_MATMUL, since several give wrong results;
inputs and outputs left float (NO_QUANTIZE), since TensorFlow's own function gives them the type that was
asked for; one thread, so that the same samples give the same ranges; NO_QUANTIZE for each operator that
`exclude` names. An operator without an integer kernel stays float. Its recipes: `litert_recipe.py`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.util import modify_model_io_type
from tensorflow.lite.tools import flatbuffer_utils

from convertkit.artifacts.formats import Precision
from convertkit.artifacts.signature import Arrays
from convertkit.artifacts.transformation import HEADS, INTEGERS, OUTPUTS, RECURRENT, Transformation
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.errors import StageError, first_line
from convertkit.graphs.tflite_file import Operator, read_operators
from convertkit.stages.litert_recipe import excluded, keeps_activations, looked_up, make_recipe
from convertkit.stages.measured_gain import gain_db
from convertkit.stages.quantizer_reason import quantizer_reason
from convertkit.stages.shared_calibration import Shared
from convertkit.stages.tflite_heads import find_head, may_mix_units, operators_of, run_file
from convertkit.stages.tflite_inputs import equalize_inputs
from convertkit.stages.tflite_outputs import equalize_outputs
from convertkit.stages.tflite_ranges import has_one_graph, ranges_of
from convertkit.stages.tflite_recurrent import INT8_WEIGHTS, find_recurrent, with_integer_weights

SIGNATURE = "serving_default"
CASTS = ("QUANTIZE", "DEQUANTIZE")
MAX_LISTED = 4
WEIGHTS_ALONE = "with attention in it, only operators with weights are integer ones"


class Remarks:
    """What there is to say of a quantized file.

    Attributes:
        notes: lines for the report.
        transformations: what was done so that it keeps its accuracy.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.transformations: list[Transformation] = []


def quantize(
    content: bytes,
    precision: Precision,
    options: SavedmodelToTfliteOptions,
    steps: Iterable[Arrays],
    shared: Path | None = None,
    remarks: Remarks | None = None,
) -> bytes:
    """The same model in integers, its inputs and outputs of the type that was asked for.

    Args:
        content: a float `.tflite` with a `serving_default` signature.
        steps: physical samples, one call each, under the signature's names; unused for int8-dynamic.
        shared: folder where the ranges of activations are kept for other jobs.
        remarks: told what stays float, and why, and what that gains; without it no gain is measured.

    Raises:
        StageError: the quantizer failed, a pattern matches nothing, or the inputs cannot have that type.
    """
    try:
        made = in_integers(content, precision, options, list(steps), Shared(shared), remarks)
    except StageError:
        raise
    except Exception as error:  # it raises what its parts raise
        raise StageError(f"litert-quantizer failed: {quantizer_reason(error)}") from error
    whole = in_one_piece(made)
    started = time.perf_counter()
    if recurrent_in(content, precision, options):
        kept = {name for one in excluded(content, options.exclude) for name in one.outputs}
        whole = with_integer_weights(whole, kept)
        if remarks:
            remarks.notes.append(INT8_WEIGHTS)
            remarks.transformations.append(Transformation(RECURRENT, time.perf_counter() - started))
    return with_io(whole, precision, options)


def recurrent_in(content: bytes, precision: Precision, options: SavedmodelToTfliteOptions) -> list[Operator]:
    """Operators of recurrent layers, whose values stay float."""
    return find_recurrent(content) if options.keeps_states(precision) else []


def in_integers(
    content: bytes,
    precision: Precision,
    options: SavedmodelToTfliteOptions,
    calls: Sequence[Arrays],
    shared: Shared,
    told: Remarks | None,
) -> bytes:
    """The file that the quantizer makes, its inputs and outputs float."""
    started = time.perf_counter()
    left = excluded(content, options.exclude)
    left += [one for one in recurrent_in(content, precision, options) if one not in left]
    weights_alone = keeps_activations(content, precision, options)
    if weights_alone:
        left += [one for one in looked_up(content) if one not in left]
    if weights_alone and told:
        told.notes.append(WEIGHTS_ALONE)
        told.transformations.append(Transformation(INTEGERS, time.perf_counter() - started))
    recipe = make_recipe(precision, options, left, weights_alone=weights_alone)
    plain, scaled, started = content, 0, time.perf_counter()
    if weights_alone and options.grid and has_one_graph(content):
        outputs = [name for operator in left for name in operator.outputs]
        content, read = equalize_inputs(content, SIGNATURE, calls, outputs, options.grid)
        content, scaled = equalize_outputs(content, SIGNATURE, calls, outputs)
        scaled += read
    seconds = time.perf_counter() - started
    ranges = calibrated(content, recipe, calls, shared) if precision.needs_calibration else None
    made = quantized(content, recipe, ranges)
    if scaled and told:
        before = in_one_piece(quantized(plain, recipe, ranges))
        gained = gain_db(run_file, plain, before, in_one_piece(made), calls)
        told.notes.append(f"{scaled} inputs and outputs of layers scaled channel by channel")
        told.transformations.append(Transformation(OUTPUTS, seconds, gained))
    keeps_units = options.keeps_units(precision) and not weights_alone  # then the end is float anyway
    if not ranges or not keeps_units or not may_mix_units(content):
        return made
    started = time.perf_counter()
    head = find_head(content, {name: width(found) for name, found in ranges.items()})
    if head is None:
        return made
    left = [*left, *operators_of(content, head)]
    apart = quantized(content, make_recipe(precision, options, left, weights_alone=False), ranges)
    seconds = time.perf_counter() - started
    if told:
        gained = gain_db(run_file, content, in_one_piece(made), in_one_piece(apart), calls)
        told.notes.append(head.describe())
        told.transformations.append(Transformation(HEADS, seconds, gained))
    return apart


def calibrated(content: bytes, recipe: Any, calls: Sequence[Arrays], shared: Shared) -> Any:
    """The range of every tensor that a recipe makes integer."""
    if has_one_graph(content):
        return shared.ranges(content, lambda: ranges_of(content, SIGNATURE, calls))
    from litert_quantizer import calibrator
    from litert_quantizer.utils import qsv_utils

    calibration = calibrator.Calibrator(content, num_threads=1, qsv_update_func=qsv_utils.min_max_update)
    calibration.calibrate({SIGNATURE: list(calls)}, recipe)
    return calibration.get_model_qsvs()


def quantized(content: bytes, recipe: Any, ranges: Any) -> bytes:
    """What the quantizer makes by a recipe."""
    from litert_quantizer import quantizer

    worker = quantizer.Quantizer(content, recipe.get_quantization_recipe())
    made = worker.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return bytes(made.quantized_model)


def width(found: Any) -> float:
    """Width of a range that its calibration found, zero within it."""
    return max(float(np.max(found["max"])), 0.0) - min(float(np.min(found["min"])), 0.0)


def in_one_piece(content: bytes) -> bytes:
    """The file with its weights inside the flatbuffer, where every reader looks for them, also old ones."""
    model: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    if not any(buffer.offset > 1 for buffer in model.buffers):
        return content
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = content[buffer.offset : buffer.offset + buffer.size]
            buffer.offset = buffer.size = 0
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def with_io(content: bytes, precision: Precision, options: SavedmodelToTfliteOptions) -> bytes:
    """The model with integer inputs and outputs where those were asked for.

    Raises:
        StageError: an operator at the edge stays float.
    """
    if options.io == "float32" or precision is not Precision.INT8:
        return content
    kind = tf.as_dtype(options.io)
    try:
        return bytes(modify_model_io_type(content, kind, kind))
    except ValueError as error:
        raise StageError(
            f"litert-quantizer cannot give {options.io} inputs and outputs: {first_line(error)}"[:300]
        ) from error


def float_operators(content: bytes) -> str:
    """What of a quantized file is still computed in float, for the report; empty where nothing is."""
    operators = [one for one in read_operators(content) if one.kind not in CASTS]
    left = Counter(one.kind for one in operators if one.is_float)
    if not left:
        return ""
    listed = ", ".join(f"{count} {kind}" for kind, count in left.most_common(MAX_LISTED))
    more = ", …" if len(left) > MAX_LISTED else ""
    return f"{left.total()} of {len(operators)} operators stay float: {listed}{more}"
