"""Patterns that exporters break up, put together again while the graph is lowered: a literal table.

A row is looked up by the operator that ends the pattern. What the pattern's earlier nodes had become stays
behind unread, and TensorFlow drops it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from convertkit.lowering.origin import Origin
from convertkit.lowering.patterns import adaptive, attention, flattened, frames, picks
from convertkit.lowering.patterns.matching import (
    Found,
    Named,
    Pattern,
    axes_of,
    matched_node,
    number_of,
    origin_of,
)
from convertkit.lowering.sizes import is_equal
from convertkit.lowering.value import Value

Apply = Callable[..., Value]
Build = Callable[[Apply, Found, Origin[Value]], Value | None]


@dataclass(frozen=True)
class Row:
    """One pattern.

    Attributes:
        name: what it is.
        pattern: a tuple: the operator that ends it, and its operands.
        build: from how to apply an operator, what the words stand for, and the node that ends the pattern, to
            the one good form; None where a shape or a constant is not that of the pattern.
    """

    name: str
    pattern: tuple[Any, ...]
    build: Build


def fused(origin: Origin[Value], apply: Apply) -> Value | None:
    """The one good form of the pattern that a node ends, None where it ends none."""
    if origin.node.domain not in ("", "ai.onnx"):
        return None
    for row in ROWS.get(origin.node.op_type, ()):
        found = matched_node(row.pattern, origin, {})
        result = None if found is None else row.build(apply, found, origin)
        if result is not None:
            return result
    return None


def halves(doubled: Pattern) -> tuple[tuple[Any, ...], ...]:
    """`x · ½ · doubled` in each of its orders."""
    return (
        ("Mul", ("Mul", "x", doubled), 0.5),
        ("Mul", ("Mul", "x", 0.5), doubled),
        ("Mul", ("Mul", doubled, 0.5), "x"),
    )


ERF = ("Add", ("Erf", [("Div", "x", math.sqrt(2)), ("Mul", "x", math.sqrt(0.5))]), 1.0)
CUBE = [("Pow", "x", 3.0), ("Mul", "x", ("Mul", "x", "x"))]
TANH = (
    "Add",
    ("Tanh", ("Mul", ("Add", "x", ("Mul", CUBE, 0.044715)), math.sqrt(2 / math.pi))),
    1.0,
)
CENTRED = Named("centred", ("Sub", "x", Named("mean", ("ReduceMean", "x"))))
VARIANCE = Named("variance", ("ReduceMean", [("Pow", CENTRED, 2.0), ("Mul", CENTRED, CENTRED)]))
DEVIATION = ("Sqrt", ("Add", VARIANCE, "epsilon"))
NORMAL = [("Div", CENTRED, DEVIATION), ("Mul", CENTRED, ("Reciprocal", DEVIATION))]
LAYER = ("Add", ("Mul", NORMAL, "scale"), "bias")
INSTANCE = Named("normal", ("InstanceNormalization", Named("split", ("Reshape", "x")), "ones", "zeros"))
GROUP = ("Add", ("Mul", Named("joined", ("Reshape", INSTANCE)), "scale"), "bias")


def _gelu(approximate: str) -> Build:
    return lambda apply, found, origin: apply("Gelu", [found["x"]], approximate=approximate)


def _layer(apply: Apply, found: Found, origin: Origin[Value]) -> Value | None:
    """Over the last axes only, with a scale and a bias of just those."""
    del origin
    x, scale, bias, epsilon = found["x"], found["scale"], found["bias"], number_of(found["epsilon"])
    means = [origin_of(found["mean"]), origin_of(found["variance"])]
    axes, others = (axes_of(mean, x.rank) for mean in means)
    if axes is None or axes != others or axes != list(range(axes[0], x.rank)) or epsilon is None:
        return None
    if not all(mean.attribute("keepdims", 1) for mean in means):
        return None
    if not all(value.is_constant and value.shape == x.shape[axes[0] :] for value in (scale, bias)):
        return None
    return apply("LayerNormalization", [x, scale, bias], axis=axes[0], epsilon=epsilon)


def _group(apply: Apply, found: Found, origin: Origin[Value]) -> Value | None:
    """Groups of channels as the channels of an instance normalization, and back to the same shape."""
    del origin
    x, split, joined = found["x"], found["split"], found["joined"]
    groups, channels = split.shape[1], x.shape[1] if x.rank > 2 else None
    if not isinstance(groups, int) or not isinstance(channels, int) or split.rank != 3:
        return None
    is_same = joined.rank == x.rank and all(map(is_equal, joined.shape, x.shape))
    if not is_same or is_equal(split.shape[0], x.shape[0]) is not True:
        return None
    if not _is_all(found["ones"], 1) or not _is_all(found["zeros"], 0):
        return None
    scale, bias = (_by_channel(found[name], channels, x.rank) for name in ("scale", "bias"))
    if scale is None or bias is None:
        return None
    epsilon = origin_of(found["normal"]).attribute("epsilon", 1e-5)
    return apply("GroupNormalization", [x, scale, bias], num_groups=groups, epsilon=epsilon)


def _is_all(value: Value, number: float) -> bool:
    return value.is_constant and bool((value.data == number).all())


def _by_channel(value: Value, channels: int, rank: int) -> Value | None:
    """A constant that lies along axis 1 of `rank` axes, as a vector."""
    array = value.array() if value.is_constant else None
    if array is None or array.ndim > rank:
        return None
    shape = (*[1] * (rank - array.ndim), *array.shape)
    if shape != (1, channels, *[1] * (rank - 2)):
        return None
    return Value(np.ascontiguousarray(array.reshape(-1)))


def _mean(apply: Apply, found: Found, outer: Origin[Value]) -> Value | None:
    """A mean of means over further axes: one over all of them."""
    inner = origin_of(found["inner"])
    x, keeps = inner.values[0], inner.attribute("keepdims", 1)
    if x is None or outer.attribute("keepdims", 1) != keeps:
        return None
    first, second = axes_of(inner, x.rank), axes_of(outer, found["inner"].rank)
    if first is None or second is None:
        return None
    kept = [axis for axis in range(x.rank) if keeps or axis not in first]
    axes = sorted({*first, *(kept[axis] for axis in second)})
    return apply("ReduceMean", [x, Value(np.array(axes))], keepdims=keeps)


def _single_softmax(apply: Apply, found: Found, origin: Origin[Value]) -> Value | None:
    """A softmax in float64 between float32: TFLite has it in float32 alone."""
    x, axis = found["x"], origin_of(found["softmax"]).attribute("axis", None)
    if x.numpy_type != np.float32 or origin.attribute("to", None) != onnx.TensorProto.FLOAT:
        return None
    return apply("Softmax", [x], **({} if axis is None else {"axis": axis}))


TABLE = (
    *(Row("GELU", form, _gelu("none")) for form in halves(ERF)),
    *(Row("GELU by tanh", form, _gelu("tanh")) for form in halves(TANH)),
    Row("LayerNorm", LAYER, _layer),
    Row("GroupNorm", GROUP, _group),
    Row("adaptive pool", adaptive.DIVIDED, adaptive.pooled),
    Row("adaptive pool to a divisor", adaptive.AVERAGED, adaptive.pooled),
    Row("mean over H and W", ("ReduceMean", Named("inner", ("ReduceMean", "x"))), _mean),
    Row("softmax in float64", ("Cast", Named("softmax", ("Softmax", ("Cast", "x")))), _single_softmax),
    Row("fully connected after a convolution", flattened.BY_GEMM, flattened.connected),
    Row("the same without a bias", flattened.BY_MATMUL, flattened.connected),
    Row("class token", frames.JOINED, frames.framed),
    Row("class token in its place", frames.PLACED, frames.placed),
    Row("picked from what is repeated", picks.PICKED, picks.picked),
    Row("scaled scores", attention.SCALED, attention.scores),
    Row("transposed keys", attention.TURNED, attention.transposed),
    Row("masked softmax", attention.ADDED, attention.masked),
    Row("filled softmax", attention.CHOSEN, attention.masked),
    Row("guarded softmax", attention.GUARDED, attention.guarded),
)
ROWS = {name: [row for row in TABLE if row.pattern[0] == name] for name in {row.pattern[0] for row in TABLE}}
