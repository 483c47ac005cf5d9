"""Operators at the end of a `.tflite` that have to stay float, since they join parts of different units.

Source of the method: `convertkit/graphs/heads.py`. TFLiteConverter gives what a concatenation joins one scale
even where the concatenation itself stays float, so while it quantizes they are custom operators, of which it
knows nothing.
Runs in a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.tools import flatbuffer_utils

from convertkit.artifacts.signature import Array, Arrays
from convertkit.graphs.attention import has_attention
from convertkit.graphs.heads import (
    MOST_APART,
    Head,
    Step,
    is_join,
    mixed_head,
    ratios_of,
    span,
)
from convertkit.graphs.tflite_file import Operator, operator_name

FLOAT, INT8 = schema.TensorType.FLOAT32, schema.TensorType.INT8
CUSTOM = schema.BuiltinOperator.CUSTOM
HELD = b"ConvertkitHeld"
LOST = 0.25  # steps of the grid: what a constant may have been that is zero in it


class MainGraph:
    """The first subgraph of a file.

    Attributes:
        steps: its operators.
        constants: values of its float and INT8 constants.
    """

    def __init__(self, content: bytes) -> None:
        model: Any = schema.ModelT.InitFromPackedBuf(content, 0)
        self._tensors = model.subgraphs[0].tensors
        codes = [operator_name(code) for code in model.operatorCodes]
        self.steps = [
            Step(codes[op.opcodeIndex], self._names(op.inputs), self._names(op.outputs))
            for op in model.subgraphs[0].operators or ()
        ]
        found = {name_of(tensor): constant(model, tensor) for tensor in self._tensors}
        self.constants = {name: values for name, values in found.items() if values is not None}

    def _names(self, places: Any) -> tuple[str, ...]:
        """Names of the tensors at these places, those that are left out aside."""
        return tuple(name_of(self._tensors[place]) for place in places if place >= 0)


def may_mix_units(content: bytes) -> bool:
    """True where a file, float or INT8, could join parts of different units at its end."""
    graph = MainGraph(content)
    ratios = ratios_of(graph.steps, {}, graph.constants)
    return any(is_join(graph.steps[number]) or ratio > MOST_APART for number, ratio in ratios.items())


def attends(content: bytes) -> bool:
    """True where a file, float or INT8, has attention in it."""
    graph = MainGraph(content)
    return has_attention(graph.steps, graph.constants)


def find_head(content: bytes, spans: Mapping[str, float]) -> Head | None:
    """The operators of a float file that have to stay float; None where none has.

    Args:
        spans: width of the range of each tensor, zero within it.
    """
    graph = MainGraph(content)
    constants = {name: span(values) for name, values in graph.constants.items()}
    return mixed_head(graph.steps, {**constants, **spans}, graph.constants)


def operators_of(content: bytes, head: Head) -> list[Operator]:
    """The operators of a head, as exclusions name them."""
    steps = MainGraph(content).steps
    return [Operator(steps[number].kind, steps[number].outputs, is_float=True) for number in head.steps]


def constant(model: Any, tensor: Any) -> Array | None:
    """Values of a float or INT8 tensor that is a constant; None where it is none."""
    data = model.buffers[tensor.buffer].data
    if data is None or not len(data) or tensor.type not in (FLOAT, INT8):
        return None
    values = np.asarray(data, np.uint8)
    if tensor.type == FLOAT:
        return values.view(np.float32)
    zero = tensor.quantization.zeroPoint if tensor.quantization is not None else None
    steps = values.view(np.int8).astype(np.float32) - (zero[0] if zero is not None and len(zero) else 0)
    return np.where(steps == 0, np.float32(LOST), steps)


def name_of(tensor: Any) -> str:
    """A tensor's name."""
    return str(tensor.name.decode(errors="replace"))


def has_range(tensor: Any) -> bool:
    """True where calibration left a range for the tensor as a whole."""
    quantization = tensor.quantization
    return quantization is not None and quantization.min is not None and len(quantization.min) == 1


def with_own_ranges(
    content: bytes, signature: str, steps: Iterable[Arrays], is_meant: Callable[[Any], bool] = has_range
) -> bytes:
    """A float file with the ranges that tensors of its main graph have on the samples.

    TFLiteConverter's calibrator reads them after operators that write over their input.

    Args:
        is_meant: told a tensor of the schema, whether it gets a range.
    """
    interpreter = tf.lite.Interpreter(
        model_content=content, experimental_preserve_all_tensors=True, num_threads=1
    )
    runner = interpreter.get_signature_runner(signature)
    model: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    places = [place for place, tensor in enumerate(model.subgraphs[0].tensors) if is_meant(tensor)]
    lowest, highest = dict.fromkeys(places, np.inf), dict.fromkeys(places, -np.inf)
    for given in steps:
        runner(**given)
        for place in places:
            values = interpreter.get_tensor(place)
            lowest[place] = min(lowest[place], float(values.min(initial=np.inf)))
            highest[place] = max(highest[place], float(values.max(initial=-np.inf)))
    for place in [place for place in places if lowest[place] <= highest[place]]:
        tensor = model.subgraphs[0].tensors[place]
        tensor.quantization = tensor.quantization or schema.QuantizationParametersT()
        tensor.quantization.min, tensor.quantization.max = [lowest[place]], [highest[place]]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def run_file(content: bytes, calls: Sequence[Arrays]) -> list[Arrays]:
    """What a file gives for each call of its signature."""
    interpreter = tf.lite.Interpreter(model_content=content, num_threads=1)
    runner = interpreter.get_signature_runner()
    return [{name: np.array(value) for name, value in runner(**call).items()} for call in calls]


def calibrated_spans(calibrated: bytes) -> dict[str, float]:
    """Width of the range of each tensor of a calibrated file, zero within it."""
    model: Any = schema.ModelT.InitFromPackedBuf(calibrated, 0)
    return {
        name_of(tensor): max(float(tensor.quantization.max[0]), 0.0)
        - min(float(tensor.quantization.min[0]), 0.0)
        for tensor in model.subgraphs[0].tensors
        if has_range(tensor)
    }


def quantize_without(calibrated: bytes, head: Head, *, per_channel: bool) -> bytes:
    """What TFLiteConverter's quantizer makes of a calibrated file, its head left float."""
    made = mlir_quantize(held(calibrated, head), disable_per_channel=not per_channel)
    return released(bytes(made), calibrated)


def held(content: bytes, head: Head) -> bytes:
    """The file with the operators of its head as custom ones, each with its number for its options."""
    model: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    code: Any = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = CUSTOM
    code.customCode, code.version = HELD, 1
    model.operatorCodes.append(code)
    graph = model.subgraphs[0]
    for number in head.steps:
        operator = graph.operators[number]
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.builtinOptionsType, operator.builtinOptions = 0, None
        operator.customOptions = np.frombuffer(str(number).encode(), np.uint8)
        for place in operator.outputs:
            graph.tensors[place].quantization = None
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def released(content: bytes, source: bytes) -> bytes:
    """The file with its held operators as they are in the file that they were held in."""
    model: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    before: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(source))
    place = next(n for n, code in enumerate(model.operatorCodes) if code.customCode == HELD)
    own = [before.operatorCodes[op.opcodeIndex] for op in before.subgraphs[0].operators]
    for operator in model.subgraphs[0].operators:
        if operator.opcodeIndex == place:
            number = int(bytes(bytearray(operator.customOptions)))
            original = before.subgraphs[0].operators[number]
            operator.opcodeIndex = code_for(model, own[number])
            operator.builtinOptionsType = original.builtinOptionsType
            operator.builtinOptions, operator.customOptions = original.builtinOptions, None
    without_code(model, place)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def code_for(model: Any, wanted: Any) -> int:
    """Number of an operator code in a model, which is added where it is not there."""
    for number, code in enumerate(model.operatorCodes):
        if (code.builtinCode, code.version) == (wanted.builtinCode, wanted.version):
            return number
    model.operatorCodes.append(wanted)
    return len(model.operatorCodes) - 1


def without_code(model: Any, place: int) -> None:
    """Take out an operator code that no operator uses."""
    del model.operatorCodes[place]
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            operator.opcodeIndex -= operator.opcodeIndex > place


def forget_unused(model: Any) -> None:
    """Empty the buffers that no operator reads: files have tensors that none of theirs does."""
    used = {each.buffer for each in model.metadata or ()}
    for graph in model.subgraphs:
        read = [place for operator in graph.operators or () for place in operator.inputs if place >= 0]
        used |= {graph.tensors[place].buffer for place in (*read, *graph.outputs)}
    for place, buffer in enumerate(model.buffers):
        if place not in used:
            buffer.data = None
