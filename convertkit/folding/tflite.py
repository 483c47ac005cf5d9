"""Normalisation before the image of a `.tflite`: CAST, DIV, SUB, DIV, TRANSPOSE, QUANTIZE. Runs in a worker.

Of an INT8 file no scale changes: what was its input is an inner tensor afterwards, quantized as before, so
that the same image gives the same integers whoever normalised it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.pixels import Fold
from convertkit.artifacts.signature import Array, TensorSpec, folded_spec
from convertkit.errors import StageError
from convertkit.folding.savedmodel import own_order

FLOAT, INT32 = schema.TensorType.FLOAT32, schema.TensorType.INT32
TYPES = {"uint8": schema.TensorType.UINT8, "float32": FLOAT}
OPTIONS = {
    "CAST": ("CastOptions", schema.CastOptionsT),
    "DIV": ("DivOptions", schema.DivOptionsT),
    "SUB": ("SubOptions", schema.SubOptionsT),
    "TRANSPOSE": ("TransposeOptions", schema.TransposeOptionsT),
    "QUANTIZE": ("QuantizeOptions", schema.QuantizeOptionsT),
}
KINDS = {"divide": "DIV", "subtract": "SUB"}


def fold(artifact: Artifact, fold: Fold, out: Path) -> None:
    """Write the file with the steps before its image input."""
    spec = artifact.signature.input(fold.input)
    out.write_bytes(put_before(Path(artifact.path).read_bytes(), spec, fold))


def put_before(content: bytes, spec: TensorSpec, fold: Fold) -> bytes:
    """The file with an input that takes pixels, in the place of its image input.

    Raises:
        StageError: there is no such input, or it is an output too.
    """
    model: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    entry, graph = entry_of(model, spec.runtime_name)
    place = int(entry.tensorIndex)
    if place in list(graph.outputs):
        raise StageError(f"input '{spec.name}' cannot be folded: it is an output too")
    writer = Writer(model, graph)
    image = graph.tensors[place]
    pixels = writer.value(text(image.name), TYPES[fold.dtype], folded_spec(spec, fold).shape)
    image.name = f"{text(image.name)}_normalised".encode()
    writer.lead(pixels, place, spec, fold)
    graph.inputs = [pixels if each == place else each for each in graph.inputs]
    entry.tensorIndex = pixels
    graph.operators = [*writer.operators, *(graph.operators or ())]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def entry_of(model: Any, name: str) -> tuple[Any, Any]:
    """The signature's entry of an input, and the graph that it is an input of."""
    for signature in model.signatureDefs or ():
        for entry in signature.inputs:
            if text(entry.name) == name:
                return entry, model.subgraphs[signature.subgraphIndex]
    raise StageError(f"the .tflite has no signature with an input '{name}'")


def text(name: Any) -> str:
    """A name of the schema."""
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


class Writer:
    """Appends tensors to a graph, and keeps the operators that are to stand first.

    Attributes:
        operators: in the order of their execution.
    """

    def __init__(self, model: Any, graph: Any) -> None:
        self._model = model
        self._graph = graph
        self.operators: list[Any] = []

    def lead(self, pixels: int, place: int, spec: TensorSpec, fold: Fold) -> None:
        """Operators from pixels to the tensor that was the input."""
        name = text(self._graph.tensors[pixels].name)
        own = own_order(spec, fold)
        is_quantized = self._graph.tensors[place].type != FLOAT
        kinds: list[tuple[str, Array | None]] = [("CAST", None)] if fold.dtype != "float32" else []
        kinds += [(KINDS[kind], np.asarray(by, np.float32)) for kind, by in fold.pixels.steps]
        kinds += [("TRANSPOSE", np.asarray(own, np.int32))] if own else []
        kinds += [("QUANTIZE", None)] if is_quantized else []
        shape, source = folded_spec(spec, fold).shape, pixels
        for number, (kind, operand) in enumerate(kinds):
            shape = spec.shape if kind == "TRANSPOSE" else shape
            is_last = number == len(kinds) - 1
            target = place if is_last else self.value(f"{name}_{kind.lower()}_{number}", FLOAT, shape)
            inputs = [source, *([self.constant(f"{name}_{number}", operand)] if operand is not None else [])]
            self.operators.append(self.operator(kind, inputs, target))
            source = target

    def operator(self, kind: str, inputs: Sequence[int], output: int) -> Any:
        """An operator with its options, not yet in the graph."""
        made: Any = schema.OperatorT()
        made.opcodeIndex = self.code(kind)
        union, options = OPTIONS[kind]
        made.builtinOptionsType = getattr(schema.BuiltinOptions, union)
        made.builtinOptions = options()
        if kind == "CAST":
            made.builtinOptions.inDataType = self._graph.tensors[inputs[0]].type
            made.builtinOptions.outDataType = FLOAT
        made.inputs, made.outputs = list(inputs), [output]
        return made

    def code(self, kind: str) -> int:
        """The number of an operator's code of version 1, which is added where it is not there."""
        number = getattr(schema.BuiltinOperator, kind)
        for place, known in enumerate(self._model.operatorCodes):
            if (max(known.builtinCode, known.deprecatedBuiltinCode), known.version) == (number, 1):
                return place
        code: Any = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = number
        code.version = 1
        self._model.operatorCodes.append(code)
        return len(self._model.operatorCodes) - 1

    def value(self, name: str, kind: int, shape: Sequence[int | str]) -> int:
        """A tensor that is no constant; a free axis has the size 1 until it is told another."""
        tensor = self._tensor(name, kind, [dim if isinstance(dim, int) else 1 for dim in shape])
        if any(isinstance(dim, str) for dim in shape):
            tensor.shapeSignature = [dim if isinstance(dim, int) else -1 for dim in shape]
        return len(self._graph.tensors) - 1

    def constant(self, name: str, values: Array) -> int:
        """A constant, float32 or int32."""
        buffer: Any = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        kind = INT32 if values.dtype == np.int32 else FLOAT
        self._tensor(name, kind, list(values.shape)).buffer = len(self._model.buffers) - 1
        return len(self._graph.tensors) - 1

    def _tensor(self, name: str, kind: int, shape: list[int]) -> Any:
        """A tensor at the end of the graph's list."""
        tensor: Any = schema.TensorT()
        tensor.name, tensor.type, tensor.shape = name.encode(), kind, shape
        tensor.buffer, tensor.hasRank = 0, True
        self._graph.tensors.append(tensor)
        return tensor
