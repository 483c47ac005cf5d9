"""A float `.tflite` to integers by litert-quantizer, an optional extra. Runs in a worker.

What it is told, and why: calibration by min-max (`qsv_update_func=min_max_update`), since its own moving
average clips what is rare; one scale for the weights of BATCH_MATMUL, since several give wrong results;
inputs and outputs left float (NO_QUANTIZE), since TensorFlow's own function gives them the type that was
asked for; one thread, so that the same samples give the same ranges; NO_QUANTIZE for each operator that
`exclude` names. An operator without an integer kernel stays float.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.util import modify_model_io_type
from tensorflow.lite.tools import flatbuffer_utils

from convertkit.artifacts.formats import Precision
from convertkit.artifacts.signature import Arrays
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.errors import StageError, first_line
from convertkit.graphs.attention import has_attention
from convertkit.graphs.tflite_file import Operator, read_operators
from convertkit.stages.quantizer_reason import quantizer_reason
from convertkit.stages.tflite_heads import MainGraph, find_head, may_mix_units, operators_of

SIGNATURE = "serving_default"
EVERYWHERE = ".*"
WEIGHT_BITS = 8
ACTIVATION_BITS = {Precision.INT8: 8, Precision.INT16X8: 16}
CASTS = ("QUANTIZE", "DEQUANTIZE")
MAX_LISTED = 4
WEIGHTED = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE")
WEIGHTS_ALONE = "with attention in it, only operators with weights are integer ones"
LONGEST_SCOPE = 10000  # its own limit


def quantize(
    content: bytes,
    precision: Precision,
    options: SavedmodelToTfliteOptions,
    steps: Iterable[Arrays],
    report: Callable[[str], None] = lambda line: None,
) -> bytes:
    """The same model in integers, its inputs and outputs of the type that was asked for.

    Args:
        content: a float `.tflite` with a `serving_default` signature.
        steps: physical samples, one call each, under the signature's names; unused for int8-dynamic.
        report: told what stays float since it is of several units.

    Raises:
        StageError: the quantizer failed, a pattern matches nothing, or the inputs cannot have that type.
    """
    from litert_quantizer import calibrator, quantizer  # an optional extra
    from litert_quantizer.utils import qsv_utils

    try:
        left = excluded(content, options.exclude)
        weights_alone = keeps_activations(content, precision, options)
        if weights_alone:
            left += [one for one in looked_up(content) if one not in left]
            report(WEIGHTS_ALONE)
        recipe = make_recipe(precision, options, left, weights_alone=weights_alone)
        ranges = None
        if precision.needs_calibration:
            calibration = calibrator.Calibrator(
                content, num_threads=1, qsv_update_func=qsv_utils.min_max_update
            )
            calibration.calibrate({SIGNATURE: list(steps)}, recipe)
            ranges = calibration.get_model_qsvs()
        if ranges and options.keeps_units(precision) and may_mix_units(content):
            head = find_head(content, {name: width(found) for name, found in ranges.items()})
            if head is not None:
                left = [*left, *operators_of(content, head)]
                recipe = make_recipe(precision, options, left, weights_alone=weights_alone)
                report(head.describe())
        worker = quantizer.Quantizer(content, recipe.get_quantization_recipe())
        made = worker.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    except StageError:
        raise
    except Exception as error:  # it raises what its parts raise
        raise StageError(f"litert-quantizer failed: {quantizer_reason(error)}") from error
    return with_io(in_one_piece(bytes(made.quantized_model)), precision, options)


def width(found: Any) -> float:
    """Width of a range that its calibration found, zero within it."""
    return max(float(np.max(found["max"])), 0.0) - min(float(np.min(found["min"])), 0.0)


def keeps_activations(content: bytes, precision: Precision, options: SavedmodelToTfliteOptions) -> bool:
    """Whether only operators with weights become integer ones."""
    if precision is not Precision.INT8 or options.integers == "everywhere":
        return False
    graph = MainGraph(content)
    return options.integers == "weights" or has_attention(graph.steps, graph.constants)


def looked_up(content: bytes) -> list[Operator]:
    """Look-ups in what is no table, which have no weights."""
    graph = MainGraph(content)
    steps = [step for step in graph.steps if step.kind == "GATHER" and step.inputs[0] not in graph.constants]
    return [Operator(step.kind, step.outputs, is_float=True) for step in steps]


def make_recipe(
    precision: Precision,
    options: SavedmodelToTfliteOptions,
    left: Iterable[Operator],
    *,
    weights_alone: bool,
) -> Any:
    """Its own recipe: what is quantized, and how."""
    from litert_quantizer import qtyping, recipe_manager
    from litert_quantizer.algorithm_manager import AlgorithmName

    names = qtyping.TFLOperationName
    coarse, fine = qtyping.QuantGranularity.TENSORWISE, qtyping.QuantGranularity.CHANNELWISE
    recipe = recipe_manager.RecipeManager()
    own = fine if options.per_channel else coarse
    everywhere = [(names.ALL_SUPPORTED, own), (names.BATCH_MATMUL, coarse)]
    weighted = [(names[kind], own) for kind in WEIGHTED] + [(names.GATHER, coarse)]
    for name, granularity in weighted if weights_alone else everywhere:
        if precision.needs_calibration:
            bits = ACTIVATION_BITS[precision]
            recipe.add_static_config(EVERYWHERE, name, bits, WEIGHT_BITS, weight_granularity=granularity)
        else:
            recipe.add_dynamic_config(EVERYWHERE, name, WEIGHT_BITS, granularity=granularity)
    for name in (names.INPUT, names.OUTPUT):
        recipe.add_quantization_config(EVERYWHERE, name, algorithm_key=AlgorithmName.NO_QUANTIZE)
    for operator in left:
        recipe.add_quantization_config(
            f"^{re.escape(scope(operator))}$", names.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE
        )
    if options.excluded_weights == "float16":
        for operator in left:
            store_in_float16(recipe, f"^{re.escape(scope(operator))}$")
    return recipe


def store_in_float16(recipe: Any, pattern: str) -> None:
    """Have the weights of float operators stored in float16, each with a DEQUANTIZE before its operator."""
    from litert_quantizer import qtyping
    from litert_quantizer.algorithm_manager import AlgorithmName
    from litert_quantizer.algorithms.nonlinear_quantize.float_casting import SUPPORTED_WEIGHT_QUANT_OPS

    half = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    config = qtyping.OpQuantizationConfig(
        weight_tensor_config=half, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
    )
    for name in sorted(SUPPORTED_WEIGHT_QUANT_OPS):
        recipe.add_quantization_config(pattern, name, config, algorithm_key=AlgorithmName.FLOAT_CASTING)


def scope(operator: Operator) -> str:
    """The name that its recipes match an operator by."""
    return "".join(f"{name};" for name in operator.outputs)[:LONGEST_SCOPE]


def excluded(content: bytes, patterns: Iterable[str]) -> list[Operator]:
    """Operators that any of the patterns names.

    Raises:
        StageError: a pattern names none, so that it is not what its author meant.
    """
    operators = read_operators(content)
    found: dict[Operator, None] = {}
    for pattern in patterns:
        matching = [one for one in operators if is_named(one, pattern)]
        if not matching:
            kinds = ", ".join(dict.fromkeys(one.kind for one in operators))
            raise StageError(f"exclude: '{pattern}' matches no operator; kinds here: {kinds}"[:300])
        found |= dict.fromkeys(matching)
    return list(found)


def is_named(operator: Operator, pattern: str) -> bool:
    """Whether the pattern is found in an output tensor's name, or is the whole of the operator's kind."""
    return bool(
        re.fullmatch(pattern, operator.kind) or any(re.search(pattern, name) for name in operator.outputs)
    )


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
