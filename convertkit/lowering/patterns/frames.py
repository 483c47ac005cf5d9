"""A tensor between constants that are repeated over its batch, as a class token is put before the patches.

A repetition reads the batch: SHAPE, PACK and BROADCAST_TO in TFLite, whose results no GPU delegate takes. The
tensor padded by zeros plus a constant is the same, to the bit, and positions added next go into the constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.origin import Origin
from convertkit.lowering.patterns.matching import Found, Named, origin_of
from convertkit.lowering.repeats import lengthened
from convertkit.lowering.sizes import Expr, fixed
from convertkit.lowering.value import Value

Apply = Callable[..., Value]
Array = np.ndarray[Any, Any]

JOINED = ("Concat",)
PLACED = ("Add", Named("joined", JOINED), "positions")


def framed(apply: Apply, found: Found, origin: Origin[Value]) -> Value | None:
    """The join as a padding and a sum."""
    del found
    parts = _parts(origin)
    return None if parts is None else apply("Add", [_padded(apply, origin, parts), Value(parts[1])])


def placed(apply: Apply, found: Found, origin: Origin[Value]) -> Value | None:
    """The same with a constant added to it: zero plus a number is that number, so one sum does."""
    del origin
    join, positions = origin_of(found["joined"]), found["positions"].array()
    parts = _parts(join)
    if parts is None or positions is None or positions.dtype != np.float32:
        return None
    frame = np.asarray(parts[1] + positions)
    return (
        apply("Add", [_padded(apply, join, parts), Value(frame)]) if frame.shape == parts[1].shape else None
    )


def _padded(apply: Apply, join: Origin[Value], parts: tuple[Value, Array]) -> Value:
    inner, place = parts[0], list(join.values).index(parts[0])
    axis = _axis(join, inner)
    sides = (join.values[:place], join.values[place + 1 :])
    before, after = (sum(fixed(v.shape[axis] for v in side if v is not None)) for side in sides)
    pads = [0] * (2 * inner.rank)
    pads[axis], pads[axis + inner.rank] = before, after
    return apply("Pad", [inner], pads=pads)


def _axis(join: Origin[Value], value: Value) -> int:
    return int(join.attribute("axis", 0)) % value.rank


def _parts(join: Origin[Value]) -> tuple[Value, Array] | None:
    """The one tensor, and the constants around zeros in its place; None for any other join."""
    values = [value for value in join.values if value is not None]
    inner = [value for value in values if value.base is None]
    if len(inner) != 1 or len(values) < 2 or not inner[0].is_tensor or inner[0].dtype != tf.float32:
        return None
    axis = _axis(join, inner[0])
    if not isinstance(inner[0].shape[axis], int):
        return None
    blank = np.zeros([size if isinstance(size, int) else 1 for size in inner[0].shape], np.float32)
    parts = [blank if value is inner[0] else _constant(value, inner[0], axis) for value in values]
    known = [part for part in parts if part is not None]
    return (inner[0], np.concatenate(known, axis)) if len(known) == len(parts) else None


def _constant(value: Value, inner: Value, axis: int) -> Array | None:
    """What is repeated over the free axes of the tensor, and over no other."""
    assert value.base is not None
    if value.base.rank != inner.rank or not value.base.is_constant:
        return None
    free = [place for place, size in enumerate(inner.shape) if isinstance(size, Expr)]
    return value.base.array() if lengthened(value) == free and axis not in free else None
