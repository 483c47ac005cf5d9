"""What litert-quantizer is told of each operator of a float `.tflite`. Runs in a worker."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from convertkit.artifacts.formats import Precision
from convertkit.config.stage_options import SavedmodelToTfliteOptions
from convertkit.errors import StageError
from convertkit.graphs.attention import has_attention
from convertkit.graphs.tflite_file import Operator, read_operators
from convertkit.stages.tflite_heads import MainGraph

EVERYWHERE = ".*"
WEIGHT_BITS = 8
ACTIVATION_BITS = {Precision.INT8: 8, Precision.INT16X8: 16}
WEIGHTED = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE")
LONGEST_SCOPE = 10000  # its own limit


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


def pattern_of(output: str) -> str:
    """The pattern of `exclude` that names the operator of an output and no other."""
    return f"^{re.escape(output)}$"


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
