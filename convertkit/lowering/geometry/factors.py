"""How a reshape splits and joins axes: the factors that source and target have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convertkit.lowering.sizes import Shape, Size, divide, is_equal
from convertkit.lowering.value import Order, channels_last, identity


@dataclass(frozen=True)
class Factors:
    """The common refinement of two shapes with the same elements in the same order.

    Attributes:
        sizes: of the factors, outermost first.
        source, target: for each axis, the numbers of the factors that it consists of; none for size 1.
    """

    sizes: tuple[Size, ...]
    source: tuple[tuple[int, ...], ...]
    target: tuple[tuple[int, ...], ...]


def factors(source: Shape, target: Shape) -> Factors | None:
    """The common refinement, None where there is none or it cannot be told at build time."""
    sizes: list[Size] = []
    owners: list[tuple[int, int]] = []
    left, right = _axes(source), _axes(target)
    while left and right:
        (axis, a), (other, b) = left[-1], right[-1]  # from the innermost axis outwards
        step = _common(a, b)
        if step is None:
            return None
        sizes.append(step)
        owners.append((axis, other))
        left[-1], right[-1] = (axis, divide(a, step)), (other, divide(b, step))
        for stack in (left, right):
            if is_equal(stack[-1][1], 1):
                stack.pop()
    if left or right:
        return None
    sizes.reverse()
    owners.reverse()
    return Factors(
        tuple(sizes),
        tuple(tuple(n for n, (a, _) in enumerate(owners) if a == axis) for axis in range(len(source))),
        tuple(tuple(n for n, (_, b) in enumerate(owners) if b == axis) for axis in range(len(target))),
    )


def _axes(shape: Shape) -> list[tuple[int, Size]]:
    return [(axis, size) for axis, size in enumerate(shape) if not is_equal(size, 1)]


def _common(a: Size, b: Size) -> Size | None:
    """The smaller of two sizes where it divides the other."""
    if is_equal(a, b):
        return a
    if _divides(a, b):
        return a
    return b if _divides(b, a) else None


def _divides(a: Size, b: Size) -> bool:
    if a == 0 or b == 0:
        return False
    return is_equal(divide(b, a) * a, b) is True


def arranged(found: Factors, order: Order) -> tuple[tuple[int, ...], tuple[int, ...], Order]:
    """The factors as they lie now, as they have to lie, and the physical order of the result.

    Where no factor has to move, none does. Else the axis that holds the innermost factor stays innermost, and
    the others follow by where they begin: one move, and what is read together stays together. That is for
    results whose last axis is innermost, and for images; others move to the source's order.
    """
    rank = len(found.target)
    lying = tuple(number for axis in order for number in found.source[axis])
    place = {number: position for position, number in enumerate(lying)}
    axes = [axis for axis, parts in enumerate(found.target) if parts]
    axes.sort(key=lambda axis: place[found.target[axis][0]])
    if _flat(found, axes) != lying and lying:
        axes.sort(key=lambda axis: (lying[-1] in found.target[axis], _first(found.target[axis], place)))
        result = _with_ones(axes, rank)
        if result[-1] != rank - 1 and (rank < 4 or result != channels_last(rank)):
            axes.sort()
    return lying, _flat(found, axes), _with_ones(axes, rank)


def _flat(found: Factors, axes: list[int]) -> tuple[int, ...]:
    return tuple(number for axis in axes for number in found.target[axis])


def _first(parts: Sequence[int], place: dict[int, int]) -> int:
    return min(place[number] for number in parts)


def _with_ones(axes: list[int], rank: int) -> Order:
    """The order with the axes of size 1 put in, each before the axis that it precedes."""
    order = list(axes)
    for axis in reversed(identity(rank)):
        if axis not in order:
            after = next((other for other in range(axis + 1, rank) if other in order), None)
            order.insert(len(order) if after is None else order.index(after), axis)
    return tuple(order)
