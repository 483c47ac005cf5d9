"""Elements picked from a constant that is repeated along axes: all repetitions are the same.

An exporter writes `mask[batch, position]` as GatherND by indices that RANGE makes of the batch. Where all
other indices are constants, what is picked is one too, and repeated as the indices are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.origin import Origin
from convertkit.lowering.patterns.matching import Found
from convertkit.lowering.repeats import lengthened
from convertkit.lowering.value import Value, sizes_value

Apply = Callable[..., Value]
Array = np.ndarray[Any, Any]

PICKED = ("GatherND", "data", "indices")


def picked(apply: Apply, found: Found, origin: Origin[Value]) -> Value | None:
    """The elements as a constant, repeated; None where an index that matters is not known."""
    data, parts = found["data"], _parts(found["indices"])
    if data.base is None or data.base.array() is None or parts is None or origin.attribute("batch_dims", 0):
        return None
    free, depth = lengthened(data), len(parts)
    if any(axis >= depth for axis in free):
        return None
    known = [_zero(part) if axis in free else _before(part) for axis, part in enumerate(parts)]
    places = [each for each in known if each is not None]
    if len(places) < depth:
        return None
    base = data.base.array()
    assert base is not None
    whole = base.reshape([1] * (data.rank - base.ndim) + list(base.shape))
    elements = np.asarray(whole[tuple(place[..., 0] for place in places)])
    shape = (*found["indices"].shape[:-1], *data.shape[depth:])
    return apply("Expand", [Value(elements), sizes_value(shape, tf.int64)])


def _parts(indices: Value) -> list[Value] | None:
    """What stands along the last axis of indices that were joined there, one a component."""
    join = indices.origin
    if join is None or join.node.op_type != "Concat":
        return None
    if int(join.attribute("axis", 0)) % indices.rank != indices.rank - 1:
        return None
    parts = [value for value in join.values if value is not None]
    return parts if all(part.shape[-1] == 1 for part in parts) else None


def _zero(part: Value) -> Array:
    return np.zeros([1] * part.rank, np.int64)


def _before(part: Value) -> Array | None:
    """A constant, or what was repeated to make the part, in its rank."""
    base = part if part.base is None else part.base
    array = base.array()
    return None if array is None else array.reshape([1] * (part.rank - array.ndim) + list(array.shape))
