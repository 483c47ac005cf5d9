"""Attention under a constant mask in a float `.tflite`: one sum, where integers need a choice.

The lowering puts masked scores a little below the row's lowest, so that they share an INT8 scale with the
others (`convertkit/lowering/patterns/attention.py`). A file that computes in float has no such scale, and a
number that takes every score with it gives the same weights by one operator, which delegates run. A constant
mask has the mask of each row within it, so it is known that no row is masked as a whole. Runs in a worker.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from convertkit.artifacts.signature import Array
from convertkit.stages.tflite_heads import code_for, forget_unused, name_of

OPERATOR = schema.BuiltinOperator
FLOAT, BOOL = schema.TensorType.FLOAT32, schema.TensorType.BOOL
ABSORBING = -1e30
"""What is added to a masked score: every score is lost in it, and none makes it infinite."""

LARGEST_SHARE = 0.01
"""Of the file: a mask in float takes four times the bytes of one of truths."""


class MaskedScores:
    """The operators that put masked scores below the lowest, of one subgraph, by what they give."""

    def __init__(self, model: Any, graph: Any) -> None:
        self._model, self._graph = model, graph
        operators = graph.operators or ()
        self._makers = {int(operator.outputs[0]): operator for operator in operators}
        reads = [int(place) for operator in operators for place in operator.inputs]
        self._uses = Counter([*reads, *(int(place) for place in graph.outputs)])

    def found(self) -> list[tuple[Any, Any, Any]]:
        """Each choice of masked scores with the difference and the minimum that are for it alone."""
        each = [(choice, *self._made_by(choice)) for choice in self._makers.values()]
        return [three for three in each if len(three) == 3]

    def kept(self, choice: Any) -> Array:
        """Where scores are kept: bool, in the shape of the mask."""
        tensor = self._graph.tensors[choice.inputs[0]]
        return np.asarray(self._data(choice.inputs[0]), np.uint8).astype(bool).reshape(tensor.shape)

    def _made_by(self, choice: Any) -> tuple[Any, ...]:
        """The difference and the minimum; nothing where the choice is another one."""
        if self._code(choice) not in (OPERATOR.SELECT, OPERATOR.SELECT_V2):
            return ()
        condition, scores, low = (int(place) for place in choice.inputs)
        difference = self._makers.get(low)
        if difference is None or self._code(difference) != OPERATOR.SUB or self._uses[low] != 1:
            return ()
        least, far = (int(place) for place in difference.inputs)
        minimum = self._makers.get(least)
        if minimum is None or self._code(minimum) != OPERATOR.REDUCE_MIN or self._uses[least] != 1:
            return ()
        is_same = int(minimum.inputs[0]) == scores and self._is_last_axis(minimum, scores)
        is_below = self._graph.tensors[far].type == FLOAT and self._is_positive(far)
        return (difference, minimum) if is_same and is_below and self._masks_part(condition, scores) else ()

    def _masks_part(self, condition: int, scores: int) -> bool:
        """True for a constant mask that leaves something of every row, over scores of no fewer axes."""
        tensor, wide = self._graph.tensors[condition], self._graph.tensors[scores]
        data = self._data(condition)
        if data is None or tensor.type != BOOL or wide.type != FLOAT or not len(tensor.shape):
            return False
        rows = np.asarray(data, np.uint8).astype(bool).reshape(tensor.shape)
        return len(tensor.shape) <= len(wide.shape) and bool(rows.any(-1).all())

    def _is_last_axis(self, minimum: Any, scores: int) -> bool:
        axes = self._data(minimum.inputs[1])
        last = len(self._graph.tensors[scores].shape) - 1
        found = None if axes is None else np.asarray(axes, np.uint8).view(np.int32).tolist()
        return found in ([-1], [last]) and bool(minimum.builtinOptions.keepDims)

    def _is_positive(self, place: int) -> bool:
        data = self._data(place)
        return data is not None and bool((np.asarray(data, np.uint8).view(np.float32) > 0).all())

    def _code(self, operator: Any) -> int:
        return int(self._model.operatorCodes[operator.opcodeIndex].builtinCode)

    def _data(self, place: int) -> Any:
        """Bytes of a constant; None for a value."""
        data = self._model.buffers[self._graph.tensors[place].buffer].data
        return data if data is not None and len(data) else None


def add_masks(content: bytes) -> bytes:
    """The file with masked scores made by one sum each, where their masks are constants and small."""
    model: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    places: dict[tuple[int, int], int] = {}
    is_changed = False
    for number, graph in enumerate(model.subgraphs):
        masked = MaskedScores(model, graph)
        for choice, difference, minimum in masked.found():
            kept = masked.kept(choice)
            if kept.size * 4 > LARGEST_SHARE * len(content):
                continue
            key = (number, int(choice.inputs[0]))
            if key not in places:
                name = f"{name_of(graph.tensors[choice.inputs[0]])}/added"
                places[key] = add_mask(model, graph, name, kept)
            become_sum(model, choice, places[key])
            graph.operators = [o for o in graph.operators if o is not difference and o is not minimum]
            is_changed = True
    if not is_changed:
        return content
    forget_unused(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def add_mask(model: Any, graph: Any, name: str, kept: Array) -> int:
    """The place of a new constant: 0 where scores are kept, else what takes them with it."""
    buffer: Any = schema.BufferT()
    values = np.where(kept, np.float32(0), np.float32(ABSORBING))
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor: Any = schema.TensorT()
    tensor.name, tensor.type, tensor.shape = name.encode(), FLOAT, list(kept.shape)
    tensor.buffer, tensor.hasRank = len(model.buffers) - 1, True
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def become_sum(model: Any, choice: Any, mask: int) -> None:
    """Make a choice of scores the sum of scores and mask."""
    code: Any = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = OPERATOR.ADD
    code.version = 1
    choice.opcodeIndex = code_for(model, code)
    choice.builtinOptionsType = schema.BuiltinOptions.AddOptions
    choice.builtinOptions = schema.AddOptionsT()
    choice.inputs = [choice.inputs[1], mask]
