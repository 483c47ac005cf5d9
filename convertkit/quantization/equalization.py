"""Equalization: channels of a value brought to like ranges, where the layers that read it lose less so.

A value in 8 bits has one scale, and each output channel of a layer's weights has one. A channel much larger
than the others takes the value's; dividing it by a factor, and multiplying the weights that read it, moves it
into the weights.

Source: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction" (between
two layers); Xiao et al. 2022, "SmoothQuant" (from activations into weights, by a strength); Lin et al. 2023,
"AWQ" (the strength is chosen by the error of what the layer gives). Every value has a strength of its own,
and keeps its scale where none helps. Strengths are compared on calls that ranges and factors are not taken
from: a channel that fills its range on some calls passes it on others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray

from convertkit.artifacts.signature import Array, Arrays
from convertkit.graphs.attention import has_attention
from convertkit.graphs.heads import Step
from convertkit.quantization.columns import columns_of
from convertkit.quantization.graph import Graph
from convertkit.quantization.grid import Matrix, channel_scales, nearest
from convertkit.quantization.junctions import Factors, Junction, columns_factors, find_junctions, scale
from convertkit.quantization.layers import Layer, rows_of
from convertkit.quantization.segments import open_session
from convertkit.quantization.tables import equalize_tables

STRENGTHS = (0.3, 0.5, 0.7, 0.85, 1.0)
ENOUGH = 0.8  # of the error as it is: 1 dB less
KEPT_CALLS = 8
MOST_POSITIONS = 256  # of a call
LEVELS = 255
SEED = 0


class Product(NamedTuple):
    """A layer on some positions of its input.

    Attributes:
        weights: float32 [groups, rows, columns].
        columns: what they are multiplied by, float32 [groups, positions, columns].
        wanted: what that gives, [groups, positions, rows].
    """

    layer: Layer
    weights: NDArray[np.float32]
    columns: NDArray[np.float32]
    wanted: NDArray[np.float32]


class Seen:
    """What a value is on the samples.

    Attributes:
        ends: the least and the largest value of each channel, at most and at least zero, on the calls that
            are not kept.
        kept_ends: the same on those that are.
        calls: the value itself on some calls.
    """

    def __init__(self) -> None:
        self.ends: Factors = np.zeros((2, 1))
        self.kept_ends: Factors = np.zeros((2, 1))
        self.calls: list[Array] = []

    def see(self, values: Array, axis: int, *, is_kept: bool) -> None:
        """Add one call."""
        flat = np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])
        found = np.stack([flat.min(axis=0), flat.max(axis=0)]).astype(np.float64)
        if is_kept:
            self.calls.append(values)
            self.kept_ends = wider(self.kept_ends, found)
        else:
            self.ends = wider(self.ends, found)

    @property
    def all_ends(self) -> Factors:
        """The ends on all calls."""
        return wider(self.ends, self.kept_ends)

    @property
    def fitted_ends(self) -> Factors:
        """The ends to compare strengths by: on the calls that are not kept, where there are some."""
        return self.ends if self.ends.shape[1] > 1 else self.kept_ends


def wider(one: Factors, other: Factors) -> Factors:
    """The ends of both, zero between them."""
    ends: Factors = np.stack([np.minimum(one[0], other[0]), np.maximum(one[1], other[1])])
    return np.stack([np.minimum(ends[0], 0.0), np.maximum(ends[1], 0.0)])


def reach_of(ends: Factors) -> Factors:
    """Largest absolute value of each channel."""
    reach: Factors = np.abs(ends).max(axis=0)
    return reach


def equalize(graph: Graph, calls: Sequence[Arrays], largest: int, threads: int) -> int:
    """Scale values where it helps, in place; how many.

    Args:
        calls: inputs of the model.
        largest: the largest integer of the weights' grid.
    """
    attends = has_attention(steps_of(graph), graph.constants)
    done = equalize_tables(graph) if attends else 0
    junctions = find_junctions(graph, adds_products=attends)
    if not junctions:
        return done
    seen = observe(graph, junctions, calls, threads)
    for junction in junctions:
        factors = best_factors(graph, junction, seen[junction.value, junction.axis], largest)
        if factors is not None:
            scale(graph, junction, factors)
            done += 1
    return done


def steps_of(graph: Graph) -> list[Step]:
    """The nodes as steps."""
    return [Step(node.op_type, tuple(node.input), tuple(node.output)) for node in graph.nodes]


def observe(
    graph: Graph, junctions: Sequence[Junction], calls: Sequence[Arrays], threads: int
) -> dict[tuple[str, int], Seen]:
    """What each value is on the samples, by its name and the axis of its channels."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    names = list(dict.fromkeys(junction.value for junction in junctions))
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = open_session(model, threads)
    given = [value.name for value in session.get_inputs()]
    seen = {(junction.value, junction.axis): Seen() for junction in junctions}
    step = max(1, len(calls) // KEPT_CALLS)
    for number, call in enumerate(calls):
        is_kept = number % step == 0 and number // step < KEPT_CALLS
        values = dict(zip(names, session.run(names, {name: call[name] for name in given}), strict=True))
        for (name, axis), one in seen.items():
            one.see(values[name], axis, is_kept=is_kept)
    return seen


def best_factors(graph: Graph, junction: Junction, seen: Seen, largest: int) -> Factors | None:
    """The factors that the readers lose least with; None where they help too little."""
    products = [
        product_of(layer, rows_of(layer, graph.constants[layer.weight]), seen.calls)
        for layer in junction.readers
    ]
    return chosen_factors(products, seen, largest)


def chosen_factors(products: Sequence[Product], seen: Seen, largest: int) -> Factors | None:
    """The factors of a value that layers lose least with; None where they help too little."""
    reach = np.max([input_reach(each) for each in products], axis=0)
    ends = seen.fitted_ends
    plain = loss(products, np.ones(ends.shape[1]), ends, largest)
    tried = [factors_of(reach_of(ends), reach, strength) for strength in STRENGTHS]
    losses = [loss(products, factors, ends, largest) for factors in tried]
    best = int(np.argmin(losses))
    if losses[best] >= ENOUGH * plain:
        return None
    return factors_of(reach_of(seen.all_ends), reach, STRENGTHS[best])


def product_of(layer: Layer, rows: Matrix, calls: Sequence[Array]) -> Product:
    """What a layer computes on some calls."""
    random = np.random.default_rng(SEED)
    taken = [columns_of(layer, call, MOST_POSITIONS, random) for call in calls]
    columns = np.ascontiguousarray(np.concatenate(taken, axis=1), np.float32)
    weights = rows.astype(np.float32)
    return Product(layer, weights, columns, columns @ weights.transpose(0, 2, 1))


def input_reach(product: Product) -> Factors:
    """Largest absolute weight of each input channel."""
    groups, _, columns = product.weights.shape
    kernel = int(np.prod(product.layer.shape[2:])) if product.layer.is_convolution else 1
    largest = np.abs(product.weights).max(axis=1).reshape(groups * columns // kernel, kernel)
    reach: Factors = largest.max(axis=1).astype(np.float64)
    return reach


def factors_of(reach: Factors, weights: Factors, strength: float) -> Factors:
    """`reach ** strength / weights ** (1 - strength)`, their mean (geometric) 1; 1 where either is zero."""
    is_used = (reach > 0) & (weights > 0)
    logs = np.zeros(len(reach))
    logs[is_used] = strength * np.log(reach[is_used]) - (1 - strength) * np.log(weights[is_used])
    if is_used.any():
        logs[is_used] -= logs[is_used].mean()
    return np.exp(logs)


def loss(products: Sequence[Product], factors: Factors, ends: Factors, largest: int) -> float:
    """Square error of the products in INT8, each relative to its own size, added up.

    Args:
        ends: of each channel, before it is divided; what is beyond them is clipped.
    """
    spread = [columns_factors(product.layer, factors).astype(np.float32) for product in products]
    given = [product.columns / each for product, each in zip(products, spread, strict=True)]
    low, high = float((ends[0] / factors).min()), float((ends[1] / factors).max())
    total = 0.0
    for product, values, each in zip(products, given, spread, strict=True):
        scaled = (product.weights * each).astype(np.float64)
        scales = channel_scales(scaled, largest)
        rounded = (nearest(scaled, scales, largest) * scales).astype(np.float32)
        found = in_eight_bits(values, low, high) @ rounded.transpose(0, 2, 1)
        power = float(np.square(product.wanted).sum())
        total += float(np.square(found - product.wanted).sum()) / power if power else 0.0
    return total


def in_eight_bits(values: Array, low: float, high: float) -> Array:
    """Values rounded to the 256 steps of a range, zero one of them."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / LEVELS or 1.0
    zero = np.rint(-low / step)
    rounded: Array = (np.clip(np.rint(values / step) + zero, 0, LEVELS) - zero) * step
    return rounded.astype(np.float32, copy=False)
