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

from convertkit.artifacts.formats import Precision
from convertkit.artifacts.signature import Arrays
from convertkit.artifacts.transformation import HEADS, INTEGERS, OUTPUTS, RECURRENT, Transformation
from convertkit.causes import first_line
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.errors import StageError
from convertkit.graphs.tflite_file import Operator, read_operators
from convertkit.quantization.range_choice import are_chosen
from convertkit.stages.litert_layers import Prepared, prepare_layers
from convertkit.stages.litert_ranges import in_one_piece, quantized, quantized_by_ranges
from convertkit.stages.litert_recipe import excluded, keeps_activations, looked_up, make_recipe
from convertkit.stages.measured_gain import gain_db
from convertkit.stages.quantizer_reason import quantizer_reason
from convertkit.stages.shared_calibration import Shared
from convertkit.stages.tflite_heads import find_head, may_mix_units, operators_of, run_file
from convertkit.stages.tflite_ranges import has_one_graph
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
        made, are_rows = in_integers(content, precision, options, list(steps), Shared(shared), remarks)
    except StageError:
        raise
    except Exception as error:  # it raises what its parts raise
        raise StageError(f"litert-quantizer failed: {quantizer_reason(error)}") from error
    whole = in_one_piece(made)
    started = time.perf_counter()
    is_recurrent = bool(recurrent_in(content, precision, options))
    if are_rows or is_recurrent:
        kept = {name for one in excluded(content, options.exclude) for name in one.outputs}
        whole = with_integer_weights(whole, kept)
    if remarks and is_recurrent:
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
) -> tuple[bytes, bool]:
    """The file that the quantizer makes, its inputs and outputs float.

    Returns:
        The file, and whether products that it left float are to have INT8 weights.
    """
    left = excluded(content, options.exclude)
    left += [one for one in recurrent_in(content, precision, options) if one not in left]
    if keeps_activations(content, precision, options):
        return weights_in_integers(content, options, left, calls, shared, told)
    recipe = make_recipe(precision, options, left, weights_alone=False)
    if not precision.needs_calibration:
        return quantized(content, recipe, None), False
    chooses = precision is Precision.INT8 and are_chosen(options.ranges, options.grid, calls)
    ranged = quantized_by_ranges(content, recipe, calls, shared, chooses=chooses)
    if told:
        ranged.tell(told.notes, told.transformations)
    if not options.keeps_units(precision) or not may_mix_units(content):
        return ranged.content, False
    started = time.perf_counter()
    head = find_head(content, {name: width(found) for name, found in ranged.ranges.items()})
    if head is None:
        return ranged.content, False
    left = [*left, *operators_of(content, head)]
    apart = quantized(content, make_recipe(precision, options, left, weights_alone=False), ranged.ranges)
    seconds = time.perf_counter() - started
    if told:
        gained = gain_db(run_file, content, in_one_piece(ranged.content), in_one_piece(apart), calls)
        told.notes.append(head.describe())
        told.transformations.append(Transformation(HEADS, seconds, gained))
    return apart, False


def weights_in_integers(
    content: bytes,
    options: SavedmodelToTfliteOptions,
    left: list[Operator],
    calls: Sequence[Arrays],
    shared: Shared,
    told: Remarks | None,
) -> tuple[bytes, bool]:
    """The same where only operators with weights become integer ones."""
    started = time.perf_counter()
    left += [one for one in looked_up(content) if one not in left]
    plain, recipe = content, make_recipe(Precision.INT8, options, left, weights_alone=True)
    found = time.perf_counter() - started
    ready = Prepared(content, 0, ())
    if options.grid and has_one_graph(content):
        outputs = [name for operator in left for name in operator.outputs]
        ready = prepare_layers(content, SIGNATURE, calls, outputs, options.grid)
    seconds = time.perf_counter() - started
    after = make_recipe(Precision.INT8, options, [*left, *ready.dynamic], weights_alone=True)
    chooses = are_chosen(options.ranges, options.grid, calls)
    ranged = quantized_by_ranges(ready.content, after, calls, shared, chooses=chooses, weights_alone=True)
    if told:
        told.notes.append(WEIGHTS_ALONE)
        told.transformations.append(Transformation(INTEGERS, found))
        ranged.tell(told.notes, told.transformations)
    if told and (ready.scaled or ready.dynamic):
        before = quantized(plain, recipe, ranged.ranges)
        made = in_one_piece(ranged.content)
        made = with_integer_weights(made) if ready.dynamic else made
        gained = gain_db(run_file, plain, in_one_piece(before), made, calls)
        told.notes += ready.notes
        told.transformations.append(Transformation(OUTPUTS, seconds, gained))
    return ranged.content, bool(ready.dynamic)


def width(found: Any) -> float:
    """Width of a range that its calibration found, zero within it."""
    return max(float(np.max(found["max"])), 0.0) - min(float(np.min(found["min"])), 0.0)


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
