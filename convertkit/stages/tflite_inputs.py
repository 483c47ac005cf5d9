"""What fully connected layers read brought to like ranges, each channel's factor moved into their weights.

As `convertkit/quantization/equalization.py` does it to ONNX graphs. There a product takes the factor where
nothing else does, and TensorFlow's converter takes such a product into the weights again, so it is put into
the float `.tflite`. Runs in a worker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import onnx
from tensorflow.lite.tools import flatbuffer_utils

from convertkit.artifacts.signature import Array, Arrays
from convertkit.quantization.equalization import KEPT_CALLS, Seen, chosen_factors, product_of
from convertkit.quantization.layers import Layer
from convertkit.stages.tflite_heads import name_of
from convertkit.stages.tflite_outputs import add_tensor, buffer_of, layers_of, product, values_of
from convertkit.stages.tflite_ranges import activations, observe

READ = "/divided"


def equalize_inputs(
    content: bytes, signature: str, calls: Sequence[Arrays], left: Collection[str], largest: int
) -> tuple[bytes, int]:
    """The file with what its layers read scaled where that helps, and how many values are.

    Args:
        content: a float `.tflite` of one graph.
        calls: calibration samples under the signature's names.
        left: names of outputs of operators that stay float.
        largest: the largest integer of the weights' grid.
    """
    model: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    readers = readers_of(model, left, {name for name, _ in activations(content)})
    seen = observed(content, signature, calls, readers)
    done = 0
    for name, operators in readers.items():
        products = [product_of(*layer_and_rows(model, each), seen[name].calls) for each in operators]
        factors = chosen_factors(products, seen[name], largest)
        if factors is not None:
            divide(model, name, operators, factors.astype("float32"))
            done += 1
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model)) if done else content, done


def readers_of(model: Any, left: Collection[str], computed: Collection[str]) -> dict[str, list[Any]]:
    """The layers that read a value, by its name."""
    found: dict[str, list[Any]] = {}
    for output, operator in layers_of(model).items():
        name = name_of(model.subgraphs[0].tensors[operator.inputs[0]])
        if output not in left and name in computed:
            found.setdefault(name, []).append(operator)
    return found


def observed(
    content: bytes, signature: str, calls: Sequence[Arrays], readers: dict[str, list[Any]]
) -> dict[str, Seen]:
    """What each value is on the samples."""
    seen = {name: Seen() for name in readers}
    numbers: Counter[str] = Counter()
    step = max(1, len(calls) // KEPT_CALLS)

    def see(name: str, values: Array) -> None:
        number = numbers[name]
        seen[name].see(values, -1, is_kept=number % step == 0 and number // step < KEPT_CALLS)
        numbers[name] += 1

    observe(content, signature, calls, see, frozenset(readers))
    return seen


def layer_and_rows(model: Any, operator: Any) -> tuple[Layer, Array]:
    """A layer as equalization knows it, and its weights, float64 [1, rows, columns]."""
    tensor = model.subgraphs[0].tensors[operator.inputs[1]]
    rows = values_of(model, tensor).reshape([int(size) for size in tensor.shape]).astype("float64")
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    return Layer(node, "w", (rows.shape[1], rows.shape[0]), {}), rows[None]


def divide(model: Any, name: str, operators: Sequence[Any], factors: Array) -> None:
    """Divide a value for its layers alone, and multiply their weights."""
    graph = model.subgraphs[0]
    for operator in operators:
        weights = graph.tensors[operator.inputs[1]]
        rows = values_of(model, weights).reshape(-1, len(factors))
        model.buffers[weights.buffer] = buffer_of(rows * factors)
    source = operators[0].inputs[0]
    inside = add_tensor(model, f"{name}{READ}", graph.tensors[source])
    before = graph.operators.index(operators[0])
    graph.operators.insert(before, product(model, source, inside, f"{name}{READ}", 1 / factors))
    for operator in operators:
        operator.inputs[0] = inside
