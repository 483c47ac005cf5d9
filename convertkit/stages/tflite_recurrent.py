"""Recurrent layers of an INT8 `.tflite`: weights of eight bits, values and states in float.

A state that is rounded in every step loses in every step. TFLite's fused LSTM has a cell state of 16 bits,
but keeps its state from one call to the next and fixes the batch, so it is no layer that starts from zeros. A
product of float values with INT8 weights rounds its values in each call, row by row, to scales of their own.
Its weights have one scale: interpreters of TFLite 2.14 take the first of several for all, in silence.
Runs in a worker.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.tools import flatbuffer_utils

from convertkit.artifacts.signature import Arrays
from convertkit.graphs.attention import has_attention
from convertkit.graphs.recurrence import PRODUCT, recurrent_steps
from convertkit.graphs.tflite_file import Operator, operator_name, read_operators
from convertkit.quantization.grid import channel_scales, nearest
from convertkit.stages.tflite_heads import (
    MainGraph,
    calibrated_spans,
    find_head,
    forget_unused,
    may_mix_units,
    name_of,
    quantize_without,
    with_own_ranges,
)

FLOAT, INT8 = schema.TensorType.FLOAT32, schema.TensorType.INT8
LARGEST = 127
FEWEST = 32  # weights: fewer save less than their scale takes
HYBRID_VERSION = 9  # of the operator, with float values that are rounded about a zero of their own
INT8_WEIGHTS = "recurrent layers have INT8 weights; their values and states are float"


def find_recurrent(content: bytes) -> list[Operator]:
    """Operators of recurrent layers in a file, float or INT8, those of loops' bodies too.

    None where it attends: a transformer may have the same weights in all its layers, and is not recurrent.
    """
    graph = MainGraph(content)
    found = recurrent_steps(graph.steps, graph.constants)
    if not found or has_attention(graph.steps, graph.constants):
        return []
    operators = read_operators(content)
    return [operators[number] for number in sorted(found)] + operators[len(graph.steps) :]


def quantize_around(
    plain: bytes, signature: str, steps: Iterable[Arrays], *, per_channel: bool
) -> tuple[bytes, tuple[str, ...]]:
    """What TFLiteConverter's quantizer makes of a float file with recurrent layers, and notes.

    It makes integer what has a range; recurrent layers get none, and their weights are rounded afterwards.

    Args:
        signature: key of the file's signature.
        steps: physical samples, one call each.
    """
    inner, constants = inner_values(plain), MainGraph(plain).constants

    def is_meant(tensor: Any) -> bool:
        return tensor.type == FLOAT and name_of(tensor) not in constants and name_of(tensor) not in inner

    ranged = with_own_ranges(plain, signature, steps, is_meant)
    head = find_head(ranged, calibrated_spans(ranged)) if may_mix_units(ranged) else None
    if head is None:
        made = bytes(mlir_quantize(ranged, disable_per_channel=not per_channel))
        return with_integer_weights(made), (INT8_WEIGHTS,)
    made = quantize_without(ranged, head, per_channel=per_channel)
    return with_integer_weights(made), (INT8_WEIGHTS, head.describe())


def inner_values(plain: bytes) -> set[str]:
    """Names of what recurrent layers give and no other operator reads."""
    found = find_recurrent(plain)
    given = {name for operator in found for name in operator.outputs}
    own = {operator.outputs for operator in found}
    return given - {name for s in MainGraph(plain).steps if s.outputs not in own for name in s.inputs}


def with_integer_weights(content: bytes, left: Collection[str] = ()) -> bytes:
    """The file with the weights of its float products in INT8, in loops too, where that makes it smaller.

    Args:
        left: names of outputs of operators whose weights stay float.
    """
    model: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    codes = [operator_name(code) for code in model.operatorCodes]
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            given = name_of(graph.tensors[operator.outputs[0]])
            if codes[operator.opcodeIndex] == PRODUCT and given not in left:
                make_hybrid(model, graph.tensors, operator)
    forget_unused(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def make_hybrid(model: Any, tensors: Any, operator: Any) -> None:
    """Have a product of float values read INT8 weights, where it reads float ones."""
    weights = tensors[operator.inputs[1]]
    if tensors[operator.inputs[0]].type != FLOAT:
        return
    data = model.buffers[weights.buffer].data
    if weights.type == FLOAT and data is not None and len(data) >= FEWEST * 4:
        values = np.asarray(data, np.uint8).view(np.float32).reshape(1, -1).astype(np.float64)
        scales = channel_scales(values, LARGEST)
        weights.quantization = schema.QuantizationParametersT()
        weights.quantization.scale = scales.ravel().astype(np.float32)
        weights.quantization.zeroPoint = np.zeros(1, np.int64)
        weights.type, weights.buffer = INT8, len(model.buffers)
        model.buffers.append(schema.BufferT())
        model.buffers[-1].data = nearest(values, scales, LARGEST).astype(np.int8).view(np.uint8).ravel()
    if weights.type == INT8:
        operator.builtinOptions.asymmetricQuantizeInputs = True
        code = model.operatorCodes[operator.opcodeIndex]
        code.version = max(code.version, HYBRID_VERSION)
