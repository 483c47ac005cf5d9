"""Layers of a float `.tflite` made ready for INT8 where all but operators with weights computes in float.

Channels of what layers read and give are brought to like ranges. A product that loses more than 1 / 20,000 of
its power by one range for all that it reads, and 1 dB less where each row has its own range, takes the rows'
ranges when it runs, which clip nothing: in a transformer a few tokens are hundreds of times as large as the
others, and what calibration has not seen is larger still. Its weights get one scale, since interpreters of
TFLite 2.14 take the first of several for all: the rest of each channel's scale goes into a product after it.
Runs in a worker.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from tensorflow.lite.tools import flatbuffer_utils

from convertkit.artifacts.signature import Arrays
from convertkit.graphs.tflite_file import Operator, read_operators
from convertkit.quantization.ranges import Chosen
from convertkit.stages.tflite_chosen_ranges import chosen_ranges
from convertkit.stages.tflite_inputs import equalize_inputs
from convertkit.stages.tflite_outputs import SCALED, equalize_outputs, layers_of, scale, values_of
from convertkit.stages.tflite_readers import Readers, find_readers

MOST_LOST = 5e-5  # of a product's power: 43 dB
WORTH = 0.8  # of what it loses: 1 dB less


class Prepared(NamedTuple):
    """A file, and what was done.

    Attributes:
        scaled: how many values had their channels scaled.
        dynamic: operators whose rows take their ranges when they run, and whose weights have one scale.
    """

    content: bytes
    scaled: int
    dynamic: tuple[Operator, ...]

    @property
    def notes(self) -> list[str]:
        """What the report says of it."""
        scaled = f"{self.scaled} inputs and outputs of layers scaled channel by channel"
        count = f"{len(self.dynamic)} product{'' if len(self.dynamic) == 1 else 's'}"
        dynamic = f"{count} with INT8 weights read the range of each row when they run"
        return [line for line, is_so in ((scaled, self.scaled), (dynamic, self.dynamic)) if is_so]


def prepare_layers(
    content: bytes, signature: str, calls: Sequence[Arrays], left: Collection[str], grid: int
) -> Prepared:
    """A float file of one graph made ready.

    Args:
        calls: calibration samples under the signature's names.
        left: names of outputs of operators that stay float.
        grid: the largest integer of the weights.
    """
    content, read = equalize_inputs(content, signature, calls, left, grid)
    readers = find_readers(content)
    chosen = chosen_ranges(content, signature, calls, readers, list(readers.layers))
    model: Any = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    layers = layers_of(model)
    losing = [name for name in losing_products(readers, chosen) if name in layers and name not in left]
    for name in losing:
        give_one_scale(model, layers[name])
    content = bytes(flatbuffer_utils.convert_object_to_bytearray(model)) if losing else content
    content, given = equalize_outputs(content, signature, calls, [*left, *(n + SCALED for n in losing)])
    names = {name + SCALED for name in losing}
    dynamic = tuple(one for one in read_operators(content) if names & set(one.outputs))
    return Prepared(content, read + given, dynamic)


def losing_products(readers: Readers, chosen: Mapping[str, Chosen]) -> list[str]:
    """Names of what products give that lose too much by one range for all rows."""
    return [
        reader.output
        for value, found in chosen.items()
        for reader, loss, by_row in zip(
            readers.layers[value], found.losses, found.losses_by_row, strict=False
        )
        if not reader.layer.is_convolution and loss > MOST_LOST and by_row < WORTH * loss
    ]


def give_one_scale(model: Any, operator: Any) -> None:
    """Bring the rows of a product's weights to one range; each row's factor is multiplied in afterwards."""
    weights = model.subgraphs[0].tensors[operator.inputs[1]]
    rows = np.abs(values_of(model, weights)).reshape(int(weights.shape[0]), -1).max(axis=1)
    scale(model, operator, np.where(rows > 0, rows / rows.max(initial=1e-30), 1.0).astype(np.float32))
