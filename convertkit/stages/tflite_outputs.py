"""Outputs of fully connected layers brought to one range in every channel, and scaled back by a product.

A value in 8 bits has one scale, and some channels of a transformer's layers are far larger than the others.
Each row of the weights has a scale of its own, which takes a factor without loss; the product computes in
float, so this is for files whose operators without weights do. It is done to the float `.tflite`, since
TensorFlow's converter would take such a product into the weights again. Runs in a worker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from convertkit.artifacts.signature import Array, Arrays
from convertkit.stages.tflite_heads import code_for, name_of
from convertkit.stages.tflite_ranges import observe

FULLY_CONNECTED = schema.BuiltinOperator.FULLY_CONNECTED
MUL = schema.BuiltinOperator.MUL
PASSING = (schema.ActivationFunctionType.NONE, schema.ActivationFunctionType.RELU)
ENOUGH = 0.8  # of the mean square of the steps as they are: 1 dB less
LEAST = 1 / 256  # a channel as small as a step of the largest has nothing left to gain
SCALED = "/scaled"


def equalize_outputs(
    content: bytes, signature: str, calls: Sequence[Arrays], left: Collection[str]
) -> tuple[bytes, int]:
    """The file with its outputs scaled where that helps, and how many are.

    Args:
        content: a float `.tflite` of one graph.
        calls: calibration samples under the signature's names.
        left: names of outputs of operators that stay float.
    """
    model: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    layers = {name: each for name, each in layers_of(model).items() if name not in left}
    reach: dict[str, Array] = {}

    def see(name: str, values: Array) -> None:
        found = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
        reach[name] = np.maximum(reach.get(name, found), found)

    observe(content, signature, calls, see, frozenset(layers))
    done = 0
    for name, operator in layers.items():
        factors = factors_of(reach[name]) if name in reach else None
        if factors is not None:
            scale(model, operator, factors)
            done += 1
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model)) if done else content, done


def layers_of(model: Any) -> dict[str, Any]:
    """Operators whose rows can take a factor, by the name of what they give."""
    graph = model.subgraphs[0]
    uses = Counter(int(place) for operator in graph.operators for place in operator.inputs)
    holders = Counter(int(tensor.buffer) for tensor in graph.tensors)
    found = {}
    for operator in graph.operators:
        if model.operatorCodes[operator.opcodeIndex].builtinCode != FULLY_CONNECTED:
            continue
        weights = graph.tensors[operator.inputs[1]]
        is_alone = uses[int(operator.inputs[1])] == holders[int(weights.buffer)] == 1
        is_own = is_constant(model, weights) and is_alone
        biases = [graph.tensors[place] for place in operator.inputs[2:] if place >= 0]
        is_plain = operator.builtinOptions.fusedActivationFunction in PASSING
        if is_own and is_plain and all(is_constant(model, each) for each in biases):
            found[name_of(graph.tensors[operator.outputs[0]])] = operator
    return found


def is_constant(model: Any, tensor: Any) -> bool:
    """True for float values in the file."""
    data = model.buffers[tensor.buffer].data
    return tensor.type == schema.TensorType.FLOAT32 and data is not None and len(data) > 0


def factors_of(reach: Array) -> Array | None:
    """What each channel is divided by, at most 1; None where that helps too little."""
    largest = float(reach.max(initial=0.0))
    if largest <= 0 or float(np.square(reach).mean()) >= ENOUGH * largest**2:
        return None
    factors: Array = np.maximum(reach / largest, LEAST).astype(np.float32)
    return factors


def scale(model: Any, operator: Any, factors: Array) -> None:
    """Divide what a layer gives in each channel, and multiply it again in an operator of its own."""
    graph = model.subgraphs[0]
    weights = graph.tensors[operator.inputs[1]]
    rows = values_of(model, weights).reshape(len(factors), -1)
    model.buffers[weights.buffer] = buffer_of(rows / factors[:, None])
    place = operator.outputs[0]
    name = name_of(graph.tensors[place])
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        bias = graph.tensors[operator.inputs[2]]  # which other layers may share
        operator.inputs[2] = add_constant(model, f"{name}/bias", values_of(model, bias) / factors)
    inside = add_tensor(model, name + SCALED, graph.tensors[place])
    after = graph.operators.index(operator) + 1
    graph.operators.insert(after, product(model, inside, place, name, factors))
    operator.outputs = [inside]


def add_tensor(model: Any, name: str, like: Any) -> int:
    """The place of a new value of the same type and shape as another."""
    tensor: Any = schema.TensorT()
    tensor.name, tensor.type = name.encode(), like.type
    tensor.shape, tensor.shapeSignature = like.shape, like.shapeSignature
    tensor.buffer, tensor.hasRank = 0, like.hasRank
    model.subgraphs[0].tensors.append(tensor)
    return len(model.subgraphs[0].tensors) - 1


def product(model: Any, source: int, result: int, name: str, factors: Array) -> Any:
    """An operator that multiplies one value into another, channel by channel."""
    operator: Any = schema.OperatorT()
    operator.opcodeIndex = code_for(model, product_code())
    operator.builtinOptionsType = schema.BuiltinOptions.MulOptions
    operator.builtinOptions = schema.MulOptionsT()
    operator.inputs = [source, add_constant(model, f"{name}/factors", factors)]
    operator.outputs = [result]
    return operator


def product_code() -> Any:
    """The code of MUL."""
    code: Any = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = MUL
    code.version = 1
    return code


def values_of(model: Any, tensor: Any) -> Array:
    """A constant's values, flat."""
    return np.asarray(model.buffers[tensor.buffer].data, np.uint8).view(np.float32)


def buffer_of(values: Array) -> Any:
    """Values as the file keeps them."""
    buffer: Any = schema.BufferT()
    buffer.data = np.frombuffer(values.astype(np.float32).tobytes(), np.uint8)
    return buffer


def add_constant(model: Any, name: str, values: Array) -> int:
    """The place of a new constant."""
    model.buffers.append(buffer_of(values))
    tensor: Any = schema.TensorT()
    tensor.name, tensor.type, tensor.shape = name.encode(), schema.TensorType.FLOAT32, [len(values)]
    tensor.buffer, tensor.hasRank = len(model.buffers) - 1, True
    model.subgraphs[0].tensors.append(tensor)
    return len(model.subgraphs[0].tensors) - 1
