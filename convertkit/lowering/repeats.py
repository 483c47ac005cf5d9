"""Values repeated along axes: what they were before, where that serves as well.

An Expand to a size that only a run knows is SHAPE, PACK and BROADCAST_TO in TFLite. Where another operand has
that size, broadcasting does the same for nothing, and what is computed from constants alone stays constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Acts, Operator
from convertkit.lowering.shapes import broadcast
from convertkit.lowering.sizes import Expr, Shape, fixed, is_equal, vector
from convertkit.lowering.value import Value

Operands = list[Value | None]


def repeated(base: Value, tensor_of_base: object, shape: Shape) -> Value:
    """The value broadcast to a shape; it remembers what it was before.

    Args:
        base: of a rank not above the shape's; in the source's axis order where it is below.
        tensor_of_base: the same as a tensor.
        shape: logical.
    """
    order = base.order if base.rank == len(shape) else tuple(range(len(shape)))
    result = Value(tf.broadcast_to(tensor_of_base, vector([shape[axis] for axis in order])), order, shape)
    result.base = base
    return result


def is_known(value: Value | None) -> bool:
    """True for a constant, and for one that is repeated along axes."""
    return value is None or value.is_constant or (value.base is not None and value.base.is_constant)


def spared(values: Sequence[Value | None]) -> Operands:
    """Operands of an elementwise operator, what another one repeats anyway as it was before."""
    result = list(values)
    for place, value in enumerate(values):
        if value is None or value.base is None:
            continue
        attempt: Operands = [*result[:place], value.base, *result[place + 1 :]]
        if _same(joined(result), joined(attempt)):
            result = attempt
    return result


def joined(values: Sequence[Value | None]) -> Shape | None:
    """The logical shape of an elementwise result; None where only a run tells it."""
    is_open = False

    def fresh(axis: int) -> int:
        nonlocal is_open
        is_open = True
        return axis

    shape = broadcast([value.shape for value in values if value is not None], fresh)
    return None if is_open else shape


def bases(values: Sequence[Value | None]) -> Operands:
    """The operands before they were repeated."""
    return [value if value is None or value.base is None else value.base for value in values]


def _same(one: Shape | None, other: Shape | None) -> bool:
    if one is None or other is None or len(one) != len(other):
        return False
    return all(is_equal(a, b) is True for a, b in zip(one, other, strict=True))


def is_repeated(values: Sequence[Value | None]) -> bool:
    """True where all operands are constants, of which at least one is repeated."""
    return all(map(is_known, values)) and any(
        value is not None and value.base is not None for value in values
    )


def lengthened(value: Value) -> list[int]:
    """The axes along which a value is repeated, those that it got in front among them."""
    assert value.base is not None
    lead = value.rank - value.base.rank
    pairs = zip((*[1] * lead, *value.base.shape), value.shape, strict=True)
    return [axis for axis, (before, now) in enumerate(pairs) if axis < lead or before != now]


def shape_of(call: Call, operator: Operator) -> Shape | None:
    """The shape of a result that is repeated as its operands are; None where that is not known to be right.

    Args:
        call: the node, its operands all constants, some of them repeated.
        operator: what it is.
    """
    if operator.acts is Acts.ELEMENTWISE and operator.data is None:
        return joined(call.values)
    rule = RULES.get(call.node.op_type)
    return None if rule is None else rule(call)


def _gathered(call: Call) -> Shape | None:
    """Repeated indices into one constant."""
    data, indices = call.value(0), call.value(1)
    if data.base is not None:
        return None
    axis = call.number(call.attribute("axis", 0))
    return (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :])


def _kept(call: Call, axes: Sequence[int], sizes: Sequence[int]) -> Shape | None:
    """The first operand's shape but for axes along which it is not repeated."""
    value = call.value(0)
    if value.base is None or value.base.rank != value.rank or set(axes) & set(lengthened(value)):
        return None
    changed = dict(zip(axes, sizes, strict=True))
    return tuple(changed.get(axis, size) for axis, size in enumerate(value.shape))


def _sliced(call: Call) -> Shape | None:
    if call.opset < 10 or any(value is not None and value.base is not None for value in call.values[1:]):
        return None
    starts, ends = call.array(1), call.array(2)
    axes = [call.number(axis) for axis in (call.integers(3) or range(len(starts)))]
    steps = call.integers(4) or [1] * len(axes)
    if any(isinstance(call.shape[axis], Expr) for axis in axes):
        return None
    rows = zip(starts, ends, steps, fixed(call.shape[axis] for axis in axes), strict=True)
    return _kept(call, axes, [len(range(size)[start:end:step]) for start, end, step, size in rows])


def _concatenated(call: Call) -> Shape | None:
    axis = call.number(call.attribute("axis", 0))
    values = [value for value in call.values if value is not None]
    if any(value.base is None or value.base.rank != value.rank for value in values):
        return None
    if any(lengthened(value) != lengthened(values[0]) for value in values):
        return None
    if any(isinstance(value.shape[axis], Expr) for value in values):
        return None
    return _kept(call, [axis], [sum(fixed(value.shape[axis] for value in values))])


def _summed(call: Call) -> Shape | None:
    axis = call.number(int(call.array(1).reshape(-1)[0]))
    size = call.shape[axis]
    return None if isinstance(size, Expr) else _kept(call, [axis], [size])


def _unsqueezed(call: Call) -> Shape | None:
    value, axes = call.value(0), call.integers(1, "axes") or []
    if value.base is None or value.base.rank != value.rank:
        return None
    rank = value.rank + len(axes)
    places, rest = {axis % rank for axis in axes}, iter(value.shape)
    return tuple(1 if axis in places else next(rest) for axis in range(rank))


RULES: dict[str, Callable[[Call], Shape | None]] = {
    "Gather": _gathered,
    "Slice": _sliced,
    "Concat": _concatenated,
    "CumSum": _summed,
    "Unsqueeze": _unsqueezed,
}
"""Operators that are not elementwise and do the same to each repetition."""
