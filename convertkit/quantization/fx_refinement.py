"""A prepared FX graph refined for INT8: weights rounded with compensation, biases corrected.

Layers come in the order of execution: each sees what those before it give with their weights rounded already.
What `quantization.refinement` does to an ONNX graph, on the layers that torch.ao has fused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import fx

from convertkit.quantization.fx_layers import (
    FxLayer,
    columns_of,
    find_layers,
    mean_of,
    rows_of,
    set_rows,
    shift_bias,
    shifted,
)
from convertkit.quantization.fx_walk import Call, Unobserved, Walk
from convertkit.quantization.hessian import hessian_of, is_narrow, rounded_better, rounded_to_nearest

SEED = 0


class FxRefined(NamedTuple):
    """What was done.

    Attributes:
        layers: how many have been rounded with compensation.
        left: how many are too wide for it, and were rounded to nearest.
        calls: how many were enough, or fitted into memory.
    """

    layers: int
    left: int
    calls: int


def refine_graph(
    prepared: fx.GraphModule,
    calls: Sequence[Call],
    largest: int,
    progress: Callable[[str], None] = lambda line: None,
) -> FxRefined:
    """Round the weights of a graph's layers and correct their biases, in place; no observer sees anything.

    Args:
        calls: inputs of the graph, one call each.
        largest: the largest integer of the grid that the observers of weights will use.
        progress: told each layer.
    """
    layers = {layer.node: layer for layer in find_layers(prepared)}
    means = float_means(prepared, list(layers.values()), calls)
    walk, random = Walk(prepared, calls), np.random.default_rng(SEED)
    rounded = 0
    for node in prepared.graph.nodes:
        layer = layers.get(node)
        if layer is None:
            walk.run_all(node)
            continue
        progress(f"layer {len(layers) - len(means) + 1} of {len(layers)}: {node.target} {shape_of(layer)}")
        rounded += round_layer(layer, walk, largest, random)
        correct_bias(layer, walk, means.pop(node))
    return FxRefined(rounded, len(layers) - rounded, len(walk.calls))


def shape_of(layer: FxLayer) -> list[int]:
    """That of its weight."""
    return list(layer.module.weight.shape)


def float_means(
    prepared: fx.GraphModule, layers: Sequence[FxLayer], calls: Sequence[Call]
) -> dict[fx.Node, torch.Tensor]:
    """Mean of every layer's output in each channel, of the graph as it is: [calls, channels]."""
    found: dict[fx.Node, list[torch.Tensor]] = {layer.node: [] for layer in layers}
    handles = [
        layer.module.register_forward_hook(
            lambda _module, _given, output, layer=layer: found[layer.node].append(mean_of(layer, output))
        )
        for layer in layers
    ]
    for call in calls:
        Unobserved(prepared).run(*(each.clone() for each in call))
    for handle in handles:
        handle.remove()
    return {node: torch.stack(rows) for node, rows in found.items()}


def round_layer(layer: FxLayer, walk: Walk, largest: int, random: np.random.Generator) -> bool:
    """Round the weights of a layer; whether with compensation."""
    weights = rows_of(layer)
    if not is_narrow(weights):
        set_rows(layer, rounded_to_nearest(weights, largest))
        return False
    inputs = (call[layer.given] for call in walk.calls)
    hessian = hessian_of(
        weights, inputs, len(walk.calls), lambda given, most: columns_of(layer, given, most, random)
    )
    set_rows(layer, rounded_better(weights, hessian, largest))
    return True


def correct_bias(layer: FxLayer, walk: Walk, wanted: torch.Tensor) -> None:
    """Take back what the mean of a layer's output is off by, and go on behind the layer.

    Args:
        wanted: mean of each channel for each call, of the float graph.
    """
    outputs = [layer.module(call[layer.given]) for call in walk.calls]
    found = torch.stack([mean_of(layer, output) for output in outputs])
    shift = (wanted[: len(found)] - found).mean(dim=0)
    shift_bias(layer, shift)
    walk.give(layer.node, (layer.rest(shifted(layer, output, shift)) for output in outputs))
