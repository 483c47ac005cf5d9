"""Ranges of a float `.tflite`'s activations on calibration samples, as litert-quantizer takes them.

Its own calibrator copies every tensor for every sample, weights too: minutes for a large encoder. Here only
what is computed is read. Values that float32 can hardly hold, as masks have, count in no range, as there.
Runs in a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from convertkit.artifacts.signature import Array, Arrays

LARGEST = 3e38
Ranges = dict[str, dict[str, Array]]
See = Callable[[str, Array], None]


def has_one_graph(content: bytes) -> bool:
    """True where no operator runs a graph of its own: only the last round of a loop could be seen."""
    return int(schema.Model.GetRootAs(content, 0).SubgraphsLength()) == 1


def ranges_of(content: bytes, signature: str, calls: Iterable[Arrays]) -> Ranges:
    """The smallest and the largest value of every activation, by its name.

    Args:
        content: of one graph.
        calls: inputs under the signature's names.
    """
    lowest: dict[str, Array] = {}
    highest: dict[str, Array] = {}

    def see(name: str, values: Array) -> None:
        ends = (1,) * values.ndim
        low, high = (np.asarray(each, values.dtype).reshape(ends) for each in ends_of(values))
        lowest[name] = np.minimum(lowest.get(name, low), low)
        highest[name] = np.maximum(highest.get(name, high), high)

    observe(content, signature, calls, see)
    return {name: {"min": lowest[name], "max": highest[name]} for name in lowest}


def ends_of(values: Array) -> tuple[Any, Any]:
    """The smallest and the largest value; of floats those that a mask does not hold, where there are some."""
    if values.dtype.kind != "f":
        return values.min(), values.max()
    low = np.min(values, initial=np.inf, where=values > -LARGEST)
    high = np.max(values, initial=-np.inf, where=values < LARGEST)
    return (values.min() if low == np.inf else low), (values.max() if high == -np.inf else high)


def observe(
    content: bytes, signature: str, calls: Iterable[Arrays], see: See, wanted: frozenset[str] | None = None
) -> None:
    """Show activations, those that are wanted or all, for one call after another."""
    from litert_quantizer.utils import tfl_interpreter_utils  # an optional extra

    interpreter = tfl_interpreter_utils.create_tfl_interpreter(content, num_threads=1)
    runner = interpreter.get_signature_runner(signature)
    places = [(name, place) for name, place in activations(content) if wanted is None or name in wanted]
    for call in calls:
        runner(**call)
        shapes = {int(each["index"]): each["shape"] for each in interpreter.get_tensor_details()}
        for name, place in places:
            if place in shapes and np.all(shapes[place]):  # what has no values cannot be read
                see(name, interpreter.get_tensor(place))


def activations(content: bytes) -> list[tuple[str, int]]:
    """Name and place of the tensors that are no constants."""
    model: Any = schema.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    tensors = [graph.Tensors(place) for place in range(graph.TensorsLength())]
    return [
        (str(tensor.Name().decode(errors="replace")), place)
        for place, tensor in enumerate(tensors)
        if not holds_data(model.Buffers(tensor.Buffer()))
    ]


def holds_data(buffer: Any) -> bool:
    """True for the buffer of a constant, inside the file or after it."""
    return bool(buffer.DataLength() or buffer.Size())
