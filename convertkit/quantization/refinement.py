"""A float graph refined for INT8: channels equalized, weights rounded with compensation, biases corrected.

Layers come in the order of execution: each sees what those before it give with their weights rounded already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import onnx

from convertkit.artifacts.signature import Arrays
from convertkit.quantization.bias import Means, float_means, mean_of, shift_bias
from convertkit.quantization.columns import columns_of
from convertkit.quantization.equalization import equalize
from convertkit.quantization.folding import fold_normalizations, fold_transposes
from convertkit.quantization.graph import Graph
from convertkit.quantization.hessian import hessian_of, is_narrow, rounded_better, rounded_to_nearest
from convertkit.quantization.layers import Layer, find_layers, rows_of, weights_of
from convertkit.quantization.segments import Run

SEED = 0


class Refined(NamedTuple):
    """What was done.

    Attributes:
        layers: how many have been rounded with compensation.
        left: how many are too wide for it, and were rounded to nearest.
        biases: how many were corrected.
        calls: how many were enough, or fitted into memory.
        equalized: how many values had their channels scaled.
    """

    layers: int
    left: int
    biases: int
    calls: int
    equalized: int = 0


def refine(
    model: onnx.ModelProto,
    calls: Sequence[Arrays],
    largest: int,
    threads: int,
    progress: Callable[[str], None] = lambda line: None,
) -> Refined:
    """Equalize channels, round the weights of a model's layers and correct their biases, in place.

    Args:
        calls: inputs of the model, one call each.
        largest: the largest integer of the grid that the quantizer will use.
        progress: told each layer.
    """
    graph = Graph(model)
    fold_transposes(graph)
    fold_normalizations(graph)
    equalized = equalize(graph, calls, largest, threads)
    layers = find_layers(graph)
    means = float_means(graph, layers, calls, threads) if layers else []
    run = Run(graph, calls, threads)
    random = np.random.default_rng(SEED)
    rounded = biases = 0
    for number, (layer, wanted) in enumerate(zip(layers, means, strict=True)):
        progress(f"layer {number + 1} of {len(layers)}: {layer.weight} {list(layer.shape)}")
        run.advance(layer.node)
        rounded += round_layer(graph, layer, run, largest, random)
        biases += correct_bias(graph, layer, run, wanted)
    return Refined(rounded, len(layers) - rounded, biases, len(run.calls), equalized)


def round_layer(graph: Graph, layer: Layer, run: Run, largest: int, random: np.random.Generator) -> bool:
    """Round the weights of a layer; whether with compensation."""
    weights = rows_of(layer, graph.constants[layer.weight])
    if not is_narrow(weights):
        graph.replace(layer.weight, weights_of(layer, rounded_to_nearest(weights, largest)))
        return False
    inputs = (call[layer.node.input[0]] for call in run.calls)
    hessian = hessian_of(
        weights, inputs, len(run.calls), lambda given, most: columns_of(layer, given, most, random)
    )
    graph.replace(layer.weight, weights_of(layer, rounded_better(weights, hessian, largest)))
    return True


def correct_bias(graph: Graph, layer: Layer, run: Run, wanted: Means) -> bool:
    """Take back what the mean of a layer's output is off by; False where there is nowhere to put it.

    Args:
        wanted: mean of each channel for each call, of the float graph.
    """
    outputs = run.step(layer.node)
    shift = wanted[: len(outputs)].mean(axis=0) - mean_of(layer, outputs)
    if not shift_bias(graph, layer, shift):
        return False
    if layer.is_convolution or layer.node.op_type == "Gemm":  # a MatMul's bias comes with the next node
        axis = 1 if layer.is_convolution else -1
        spread = shift.reshape(-1, *[1] * (outputs[0].ndim - 2)) if axis == 1 else shift
        for output in outputs:
            output += spread.astype(np.float32)
    return True
