"""Shapes made of sizes: as TensorFlow knows them, and of results that broadcast."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from convertkit.lowering.sizes import Shape, Size


def static_shape(sizes: Iterable[Size]) -> list[int | None]:
    """The shape as TensorFlow knows it."""
    return [size if isinstance(size, int) else None for size in sizes]


def broadcast(shapes: list[Shape], fresh: Callable[[int], Size]) -> Shape:
    """The shape of an elementwise result; `fresh` names a size that only a run can tell."""
    rank = max((len(shape) for shape in shapes), default=0)
    result: list[Size] = []
    for axis in range(rank):
        column = [s[axis - rank + len(s)] for s in shapes if axis >= rank - len(s)]
        wide = [size for size in dict.fromkeys(column) if size != 1]
        numbers = [size for size in wide if isinstance(size, int)]
        if len(set(numbers)) > 1:
            raise ValueError(f"sizes {numbers} of axis {axis} do not broadcast")
        if numbers:
            result.append(numbers[0])
        elif len(wide) <= 1:
            result.append(wide[0] if wide else 1)
        else:
            result.append(fresh(axis))
    return tuple(result)
