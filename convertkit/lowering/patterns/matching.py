"""Patterns over lowered values: what made a value, from what, by which operators and constants.

Values, not names, are matched: constants are folded by then, and shapes are known, however they were written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from convertkit.lowering.origin import Origin
from convertkit.lowering.value import Value

COMMUTATIVE = ("Add", "Mul")
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Named:
    """A pattern whose value is wanted too."""

    name: str
    pattern: Pattern


# A word is any value, the same one wherever the word stands; a number is a constant of one element; a tuple
# is an operator and its operands; a list is one of several.
Pattern = str | float | Named | tuple[Any, ...] | list[Any]
Found = dict[str, Value]


def matched(pattern: Pattern, value: Value | None, found: Found) -> Found | None:
    """The values that the words of a pattern stand for, None where the value is not made like that."""
    if value is None:
        return None
    if isinstance(pattern, str):
        return {**found, pattern: value} if found.get(pattern, value) is value else None
    if isinstance(pattern, Named):
        inner = matched(pattern.pattern, value, found)
        return None if inner is None else {**inner, pattern.name: value}
    if isinstance(pattern, list):
        attempts = (matched(form, value, found) for form in pattern)
        return next((attempt for attempt in attempts if attempt is not None), None)
    if isinstance(pattern, tuple):
        return None if value.origin is None else matched_node(pattern, value.origin, found)
    number = number_of(value)
    return found if number is not None and math.isclose(number, pattern, rel_tol=TOLERANCE) else None


def matched_node(pattern: tuple[Any, ...], origin: Origin[Value], found: Found) -> Found | None:
    """The same for a node that is not lowered yet. Further operands of the node may be anything."""
    operator, *operands = pattern
    if origin.node.op_type != operator or len(origin.values) < len(operands):
        return None
    orders = [operands, operands[::-1]] if operator in COMMUTATIVE else [operands]
    for order in orders:
        result: Found | None = found
        for part, value in zip(order, origin.values, strict=False):
            result = None if result is None else matched(part, value, result)
        if result is not None:
            return result
    return None


def number_of(value: Value) -> float | None:
    """The value of a constant of one element."""
    if not value.is_constant or value.data.size != 1 or value.data.dtype == bool:
        return None
    return float(value.data.reshape(-1)[0])


def origin_of(value: Value) -> Origin[Value]:
    """The origin of a value that a pattern found to have one."""
    assert value.origin is not None
    return value.origin


def axes_of(origin: Origin[Value], rank: int) -> list[int] | None:
    """The axes of a reduction, counted from the front; None where they are not known."""
    axes = origin.attribute("axes", None)
    if axes is None and len(origin.values) > 1 and origin.values[1] is not None:
        array = origin.values[1].array()
        axes = None if array is None else array.reshape(-1)
    return None if axes is None or not len(axes) else sorted(int(axis) % rank for axis in axes)
