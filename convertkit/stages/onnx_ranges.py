"""Ranges of an ONNX graph's activations by which its layers lose least, and layers that no range serves.

How a range is chosen: `convertkit/quantization/ranges.py`. In a graph where all but operators with weights
computes in float, a product that loses more than 1 / 3,000 of its power by its range has INT8 weights and
computes in float: a few tokens there are hundreds of times as large as the others. Runs in a worker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx

from convertkit.artifacts.signature import Arrays
from convertkit.quantization.graph import Graph
from convertkit.quantization.grid import channel_scales, nearest
from convertkit.quantization.layers import Layer, find_layers, layer_of, rows_of, weights_of
from convertkit.quantization.ranges import MIN_MAX, Chosen, Watched, of_fitted_calls, told_methods
from convertkit.quantization.segments import open_session

MOST_LOST = 3e-4  # of a product's power: 35 dB
EVERY_CORE = 0  # as ONNX Runtime has it
Overrides = dict[str, list[dict[str, Any]]]


class Choice(NamedTuple):
    """What was chosen for the values of a graph.

    Attributes:
        ranges: by value.
        losing: outputs of the products that lose too much by their range; none where all do.
    """

    ranges: dict[str, Chosen]
    losing: tuple[str, ...]

    @property
    def methods(self) -> dict[str, int]:
        """How many ranges were chosen by each method but min-max."""
        return dict(Counter(each.method for each in self.ranges.values() if each.method != MIN_MAX))

    @property
    def notes(self) -> list[str]:
        """What the report says of it."""
        count = f"{len(self.losing)} product{'' if len(self.losing) == 1 else 's'}"
        held = f"{count} with INT8 weights compute{'s' if len(self.losing) == 1 else ''} in float"
        told = told_methods(self.methods)
        return [line for line, is_so in ((told, self.methods), (held, self.losing)) if is_so]

    @property
    def overrides(self) -> Overrides:
        """The ranges that are not by min-max."""
        return overrides_of(self.ranges)

    @property
    def fair(self) -> tuple[Overrides, Overrides]:
        """The ranges as chosen and all by min-max, both of all calls but the first fold."""
        by_method, by_ends = of_fitted_calls(self.ranges)
        return overrides_of(by_method), overrides_of(by_ends)


def overrides_of(ranges: Mapping[str, Chosen]) -> Overrides:
    """Ranges as ONNX Runtime's quantizer takes them, those by min-max left to it."""
    return {
        name: [{"rmin": np.float32(each.low), "rmax": np.float32(each.high)}]
        for name, each in ranges.items()
        if each.method != MIN_MAX
    }


def choose_ranges(path: Path, calls: Sequence[Arrays], kinds: Sequence[str]) -> Choice:
    """The range of each float value of a graph.

    Args:
        kinds: operators that become integer ones, whose values alone are looked at; empty: all.
    """
    graph = Graph(onnx.load(path))
    layers = find_layers(graph)
    reading: dict[str, list[Layer]] = {}
    for layer in layers:
        reading.setdefault(layer.node.input[0], []).append(layer)
    outputs = {name for node in graph.nodes if not kinds for name in node.output if name}
    names = [name for name in dict.fromkeys((*reading, *sorted(outputs))) if name not in graph.constants]
    watched = {
        name: Watched(
            [(layer, rows_of(layer, graph.constants[layer.weight])) for layer in reading.get(name, ())],
            count=len(calls),
            counts_itself=graph.uses[name] > len(reading.get(name, ())),
        )
        for name in names
    }
    show(graph, calls, watched)
    chosen = {name: each.chosen() for name, each in watched.items()}
    losing = [
        layer.node.output[0]
        for name, readers in reading.items()
        for layer, loss in zip(readers, chosen[name].losses, strict=False)
        if kinds and not layer.is_convolution and loss > MOST_LOST
    ]
    return Choice(chosen, tuple(losing) if len(losing) < len(layers) else ())


def show(graph: Graph, calls: Sequence[Arrays], watched: dict[str, Watched]) -> None:
    """Run the graph on the calls, and show each value to what watches it."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    inputs = [name for name in watched if name in {value.name for value in model.graph.input}]
    computed = [name for name in watched if name not in inputs]
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in computed)
    session = open_session(model, EVERY_CORE)
    given = [value.name for value in session.get_inputs()]
    for call in calls:
        found = zip(computed, session.run(computed, {name: call[name] for name in given}), strict=True)
        for name, values in (*found, *((name, call[name]) for name in inputs)):
            if values.dtype == np.float32 and values.size:
                watched[name].see(values)


def named(path: Path, outputs: Sequence[str]) -> list[str]:
    """Names of the nodes with these outputs, which get one where they have none, in the file too."""
    model = onnx.load(path)
    nodes = [node for node in model.graph.node if set(outputs) & set(node.output)]
    for node in nodes:
        node.name = node.name or f"product of {node.output[0]}"
    onnx.save_model(model, str(path))
    return [node.name for node in nodes]


def hold_weights(model: onnx.ModelProto, outputs: Sequence[str], largest: int) -> int:
    """Have products that compute in float read INT8 weights, in place; how many do.

    Args:
        outputs: what they give.
        largest: the largest integer of the grid that their weights are on.
    """
    graph = Graph(model)
    done = 0
    for node in graph.nodes:
        layer = layer_of(node, graph) if set(outputs) & set(node.output) else None
        if layer is None or layer.is_convolution:
            continue
        rows = rows_of(layer, graph.constants[layer.weight])
        scales = channel_scales(rows, largest)
        integers = weights_of(layer, nearest(rows, scales, largest)).astype(np.int8)
        stored = [
            graph.add(f"{layer.weight}_quantized", integers),
            graph.add(f"{layer.weight}_scale", scales.ravel().astype(np.float32)),
            graph.add(f"{layer.weight}_zero_point", np.zeros(layer.channels, np.int8)),
        ]
        restored = graph.fresh(f"{layer.weight}_restored")
        axis = 0 if layer.is_transposed else 1
        before = onnx.helper.make_node("DequantizeLinear", stored, [restored], axis=axis)
        place = next(at for at, each in enumerate(model.graph.node) if each.output == node.output)
        model.graph.node.insert(place, before)
        graph.read_by(node, 1, restored)
        done += 1
    return done
