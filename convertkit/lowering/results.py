"""What an operator gave, as values: with the order and shape that it implies."""

from __future__ import annotations

from typing import Any

import numpy as np

from convertkit.lowering.call import Call
from convertkit.lowering.declare import Acts, Operator
from convertkit.lowering.element_types import tf_type
from convertkit.lowering.half import halved, is_half, note_rounding, wide, widens
from convertkit.lowering.ranks import merged, restored
from convertkit.lowering.shapes import broadcast
from convertkit.lowering.sizes import Size
from convertkit.lowering.value import Value, axis_size, identity


def lowered(operator: Operator, call: Call) -> list[Value]:
    """What the operator gives, half precision rounded only then."""
    name = call.node.op_type
    if not widens(name, call.values):
        results = _merged(operator, call)
        note_rounding(name, call.values, results)
        return results
    first = next(value for value in call.values if value is not None and is_half(value))
    dtype = first.dtype
    if name == "Cast" and tf_type(call.attribute("to")) == dtype:
        return [first]
    values = [wide(value) for value in call.values]
    results = _merged(operator, Call(call.node, call.opset, values, call.scope))
    if name == "Cast":
        return results
    return [halved(v, dtype) if name == "Split" or not number else v for number, v in enumerate(results)]


def _merged(operator: Operator, call: Call) -> list[Value]:
    """What the operator gives, its axes merged where it would broadcast too many of them."""
    few = None
    if operator.acts is Acts.ELEMENTWISE and operator.data is None and call.node.op_type != "PRelu":
        few = merged(call.values)
    if few is None:
        return [wrap(call, operator, result) for result in as_list(operator.lower(call))]
    values, whole = few
    results = as_list(operator.lower(Call(call.node, call.opset, values, call.scope)))
    tensors = [result.data if isinstance(result, Value) else result for result in results]
    return [wrap(call, operator, restored(tensor, whole)) for tensor in tensors]


def wrap(call: Call, operator: Operator, result: Any) -> Value:
    """A result as a value, with the order and shape that its operator implies."""
    if isinstance(result, Value):
        return result
    if isinstance(result, np.ndarray | np.generic):
        return Value(np.asarray(result))
    if result.shape.rank is None:
        raise ValueError("the rank of the result is not known at build time")
    rank = result.shape.rank
    if operator.acts is Acts.ELEMENTWISE:
        return _elementwise_value(call, operator, result)
    if operator.acts in (Acts.AXIS_WISE, Acts.CHANNELS_LAST) and rank == call.rank:
        return Value(result, call.order)
    return Value(result, identity(rank))


def _elementwise_value(call: Call, operator: Operator, result: Any) -> Value:
    values = [v for v in call.values[: operator.data] if v is not None]
    rank = result.shape.rank
    full = [v for v in values if v.rank == rank]
    order = next((v.order for v in full if v.is_tensor), full[0].order if full else identity(rank))
    tensors = [v for v in values if v.is_tensor]
    joined = broadcast([v.shape for v in tensors], lambda axis: axis_size(result, order.index(axis)))
    shape: list[Size] = list(joined)
    shape = [*[1] * (rank - len(shape)), *shape]
    for physical, logical in enumerate(order):
        if result.shape[physical] is not None:  # constants may have widened an axis
            shape[logical] = int(result.shape[physical])
    return Value(result, order, tuple(shape))


def evaluated(value: Value) -> Value:
    """The value of an eager tensor as a constant."""
    return Value(np.asarray(value.data.numpy()), value.order, value.shape, value.dtype, value.narrow)


def as_list(results: Any) -> list[Any]:
    """One result or several, as a list."""
    return list(results) if isinstance(results, list | tuple) else [results]
