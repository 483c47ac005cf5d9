"""Scaled dot-product attention as exporters write it, in the form that TFLite and its INT8 do best."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import elementwise_call
from convertkit.lowering.origin import Origin
from convertkit.lowering.patterns.matching import Found, Named, matched_node, number_of, origin_of
from convertkit.lowering.sizes import is_equal
from convertkit.lowering.value import Value

Apply = Callable[..., Value]

ABSORBING = -1e30
"""A number that takes every score with it: a score plus this is this."""

FAR = 20.0
"""How far below a row's lowest score a masked one is put: e^-20 = 2e-9 of its weight is left."""

ADDED = ("Softmax", ("Add", "scores", "mask"))
CHOSEN = ("Softmax", ("Where", "condition", "yes", "no"))
GUARDED = ("Where", ("IsNaN", "p"), 0.0, "p")
SCALED = ("MatMul", ("Mul", "q", "s"), ("Mul", "k", "t"))
TURNED = ("Reshape", Named("turned", ("Transpose", Named("flat", ("Reshape", "x")))), "shape")


def scores(apply: Apply, found: Found, origin: Origin[Value]) -> Value | None:
    """`(q · s) (k · t)` as `(q · st) k`: one product less."""
    del origin
    left, right = _with_number(found["q"], found["s"]), _with_number(found["k"], found["t"])
    if left is None or right is None:
        return None
    factor = Value(np.asarray(left[1] * right[1], left[0].numpy_type))
    return apply("MatMul", [apply("Mul", [left[0], factor]), right[0]])


def _with_number(one: Value, other: Value) -> tuple[Value, float] | None:
    """Of two factors the tensor and the number; a number of more axes than the tensor would add some."""
    for tensor, number in ((one, number_of(other)), (other, number_of(one))):
        scale = other if tensor is one else one
        if tensor.is_tensor and tensor.dtype.is_floating and number is not None and scale.rank <= tensor.rank:
            return tensor, number
    return None


def transposed(apply: Apply, found: Found, origin: Origin[Value]) -> Value | None:
    """A transpose of the last two axes, the others folded into one before and unfolded after."""
    del apply, origin
    x, flat = found["x"], found["flat"]
    perm = origin_of(found["turned"]).attribute("perm", None)
    target = found["shape"].sizes()
    if flat.rank != 3 or x.rank < 3 or perm != [0, 2, 1] or target is None or len(target) != x.rank:
        return None
    shape = (*x.shape[:-2], x.shape[-1], x.shape[-2])
    same = [is_equal(a, b) is True for a, b in zip(target, shape, strict=True)]
    is_free = [size == -1 for size in target]
    if sum(is_free) > 1 or not all(one or free for one, free in zip(same, is_free, strict=True)):
        return None
    if not all(is_equal(a, b) is True for a, b in zip(x.shape[-2:], flat.shape[-2:], strict=True)):
        return None
    return x.renamed((*range(x.rank - 2), x.rank - 1, x.rank - 2))


def masked(apply: Apply, found: Found, origin: Origin[Value]) -> Value | None:
    """A softmax over scores of which a mask takes some out."""
    del found
    bare = _without_mask(apply, origin)
    if bare is not None:
        return apply("Softmax", [bare], axis=-1)
    parts = _masked_parts(apply, origin)
    return None if parts is None or not parts[2] else apply(MASKED, list(parts[:2]))


def guarded(apply: Apply, found: Found, origin: Origin[Value]) -> Value | None:
    """The same where a row that is wholly masked has to give zeros, not NaN."""
    del origin
    softmax = found["p"].origin
    if softmax is not None and _is_unmasked(apply, softmax):
        return found["p"]
    parts = None if softmax is None else _masked_parts(apply, softmax)
    if parts is None:
        return None
    scores, kept, is_sure = parts
    if is_sure:
        return found["p"]
    weights = apply(MASKED, [scores, kept])
    return apply("Where", [kept, weights, Value(np.zeros([], weights.numpy_type))])


def _is_unmasked(apply: Apply, softmax: Origin[Value]) -> bool:
    """True for the softmax of a product, scaled or not: no mask is there to make a row of NaN."""
    value = softmax.values[0] if _without_mask(apply, softmax) is None else _without_mask(apply, softmax)
    while value is not None and value.origin is not None and value.origin.node.op_type in ("Mul", "Div"):
        left, right = value.origin.values[:2]
        if left is None or right is None:
            return False
        value = left if number_of(right) is not None else right if number_of(left) is not None else None
    return value is not None and value.origin is not None and value.origin.node.op_type == "MatMul"


def _without_mask(apply: Apply, softmax: Origin[Value]) -> Value | None:
    """The scores where the mask that is added to them is a constant of zeros alone."""
    operand = softmax.values[0]
    found = matched_node(ADDED, softmax, {})
    if operand is None or found is None or softmax.attribute("axis", None) not in (-1, operand.rank - 1):
        return None
    for one, other in (("scores", "mask"), ("mask", "scores")):
        mask = constant_of(found[other])
        if found[one].is_tensor and mask is not None and not mask.any():
            return found[one] if found[one].shape == operand.shape else None
    return None


def constant_of(value: Value) -> np.ndarray[Any, Any] | None:
    """The elements of a constant, or of one that is repeated along axes, before that."""
    known = value.base if value.base is not None else value
    return known.array() if known.is_constant else None


def _masked_parts(apply: Apply, origin: Origin[Value]) -> tuple[Value, Value, bool] | None:
    """Scores, which of them are kept, and whether every row gives numbers; None for no such softmax."""
    operand = origin.values[0]
    if operand is None or origin.attribute("axis", None) not in (-1, operand.rank - 1):
        return None
    found = matched_node(ADDED, origin, {})
    if found is not None:
        for one, other in (("scores", "mask"), ("mask", "scores")):
            mask = _mask(apply, found[other])
            widens = found[other].base is not None and found[one].shape != operand.shape
            if found[one].is_tensor and mask is not None and not widens:
                return (found[one], *mask)
    found = matched_node(CHOSEN, origin, {})
    if found is not None:
        for one, other in (("yes", "no"), ("no", "yes")):
            low = number_of(found[other])
            if found[one].is_tensor and low is not None and low <= ABSORBING:
                kept = found["condition"] if one == "yes" else apply("Not", [found["condition"]])
                return found[one], kept, bool(np.isfinite(low))
    return None


def _mask(apply: Apply, mask: Value) -> tuple[Value, bool] | None:
    """Where an added mask is 0, if it is that or absorbing; and whether no row of it gives NaN."""
    array = constant_of(mask)
    if array is not None:
        if array.dtype.kind != "f" or not ((array == 0) | (array <= ABSORBING)).all():
            return None
        kept = array == 0
        is_sure = bool(kept.ndim and kept.any(-1).all())
        return None if kept.all() else (Value(kept), is_sure)
    if mask.origin is None or mask.origin.node.op_type != "Where":
        return None
    condition, *choices = mask.origin.values
    read = [None if value is None else number_of(value) for value in choices]
    numbers = [number for number in read if number is not None]
    if condition is None or len(numbers) != 2 or max(numbers) != 0 or min(numbers) > ABSORBING:
        return None
    kept_value = condition if numbers[0] == 0 else apply("Not", [condition])
    return kept_value, bool(np.isfinite(numbers).all())


def _masked_softmax(call: Call) -> Any:
    """Masked scores are put a little below the row's lowest: exact in float, and INT8 keeps its scale.

    An added -3e38 would be the scale of the whole tensor.
    """
    x, kept = call.tensors()
    axis = call.value(0).axis(-1)
    low = tf.reduce_min(x, axis, keepdims=True) - tf.cast(FAR, x.dtype)
    return tf.nn.softmax(tf.where(kept, x, low), axis)


MASKED = elementwise_call(_masked_softmax)
