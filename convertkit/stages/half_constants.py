"""Constants that float16 cannot hold stay float32 in a float16 `.tflite`. Runs in a worker.

TFLiteConverter stores every constant in float16: an epsilon of 1e-10 becomes 0, and a LayerNorm of a row
without variance, a normalisation of a row of zeros or a logarithm of 0 gives NaN or Inf; a mask of -3.4e38
becomes -65504, which a score may reach.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from convertkit.artifacts.signature import Array
from convertkit.graphs.tflite_file import operator_name
from convertkit.validation.compare import sqnr_db

DEQUANTIZE = "DEQUANTIZE"
LARGEST = float(np.finfo(np.float16).max)
SMALLEST = 4e-6  # float16 has steps of 6e-8 there, 1.5 %
LEAST_DB = 40.0  # of a constant in float16, which holds 74 where it holds one at all


def mend_constants(half: bytes, make_plain: Callable[[], bytes]) -> bytes:
    """The float16 file, with the constants that float16 cannot hold as they are in the float32 one.

    Args:
        half: a float16 `.tflite`.
        make_plain: makes the float32 file of the same model; called only where a constant looks lost.

    Returns:
        `half` itself where nothing is lost, or where the two files differ by more than DEQUANTIZE operators.
    """
    model: Any = schema.ModelT.InitFromPackedBuf(half, 0)
    if not any(looks_lost(values) for graph in model.subgraphs for values in halves(model, graph).values()):
        return half
    plain: Any = schema.ModelT.InitFromPackedBuf(make_plain(), 0)
    if len(model.subgraphs) != len(plain.subgraphs):
        return half
    pairs = zip(model.subgraphs, plain.subgraphs, strict=True)
    is_changed = [mend_graph(model, graph, plain, other) for graph, other in pairs]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model)) if any(is_changed) else half


def looks_lost(values: Array) -> bool:
    """True where a constant is at an end of what float16 holds: a lone 0, numbers near 0, or the largest."""
    largest = float(np.abs(values).max(initial=0.0))
    return largest >= LARGEST or 0 < largest < SMALLEST or (largest == 0 and values.size == 1)


def halves(model: Any, graph: Any) -> dict[int, Array]:
    """Index of every DEQUANTIZE operator of a float16 constant → the constant."""
    found = {}
    for index, operator in enumerate(graph.operators):
        if operator_name(model.operatorCodes[operator.opcodeIndex]) == DEQUANTIZE:
            values = constant(model, graph.tensors[operator.inputs[0]], schema.TensorType.FLOAT16)
            if values is not None:
                found[index] = values
    return found


def constant(model: Any, tensor: Any, kind: int) -> Array | None:
    """A tensor's values; None where it is of another type, or computed."""
    data = model.buffers[tensor.buffer].data
    if tensor.type != kind or data is None or not len(data):
        return None
    dtype = np.float16 if kind == schema.TensorType.FLOAT16 else np.float32
    return np.frombuffer(bytes(data), dtype).reshape(tensor.shape if tensor.shape is not None else ())


def mend_graph(model: Any, graph: Any, plain: Any, plain_graph: Any) -> bool:
    """Put float32 constants in the place of those that are lost, without their DEQUANTIZE; True if any is."""
    pairs = same_steps(steps(model, graph), steps(plain, plain_graph))
    lost = set()
    for index, values in halves(model, graph).items():
        target = graph.operators[index].outputs[0]
        place = place_taken(pairs, target) if looks_lost(values) else None
        if place is None:
            continue
        wanted = constant(plain, plain_graph.tensors[place], schema.TensorType.FLOAT32)
        if wanted is None or wanted.shape != values.shape or is_held(wanted, values):
            continue
        model.buffers.append(schema.BufferT())
        model.buffers[-1].data = np.frombuffer(wanted.tobytes(), np.uint8)
        graph.tensors[target].buffer = len(model.buffers) - 1
        lost.add(index)
    graph.operators = [each for index, each in enumerate(graph.operators) if index not in lost]
    return bool(lost)


def is_held(wanted: Array, half: Array) -> bool:
    """True where float16 holds a constant as well as most."""
    exact = wanted.astype(np.float64)
    return sqnr_db(exact, half.astype(np.float64) - exact) >= LEAST_DB


def steps(model: Any, graph: Any) -> list[tuple[str, Any]]:
    """The operators by name, without DEQUANTIZE, in order."""
    named = [(operator_name(model.operatorCodes[each.opcodeIndex]), each) for each in graph.operators]
    return [(name, each) for name, each in named if name != DEQUANTIZE]


def same_steps(ours: list[tuple[str, Any]], theirs: list[tuple[str, Any]]) -> list[tuple[Any, Any]]:
    """The operators of two graphs in pairs; none where the graphs are not the same."""
    if [name for name, _ in ours] != [name for name, _ in theirs]:
        return []
    return [(one, other) for (_, one), (_, other) in zip(ours, theirs, strict=True)]


def place_taken(pairs: list[tuple[Any, Any]], tensor: int) -> int | None:
    """The other graph's tensor where the first operator takes one of ours; None where none does."""
    for one, other in pairs:
        places = np.flatnonzero(np.asarray(one.inputs) == tensor)
        if len(places) and len(one.inputs) == len(other.inputs):
            return int(other.inputs[places[0]])
    return None
