"""Average pooling to a size that does not divide, which exporters write as indices, masks and sums of rank 6.

What the nodes compute is found by computing it: on rows and columns of ones, which tell the windows, and on
noise, which tells whether the windows are all that there is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from convertkit.lowering.origin import Origin
from convertkit.lowering.patterns.matching import Found, axes_of
from convertkit.lowering.value import Value

Apply = Callable[..., Value]
Array = np.ndarray[Any, Any]
Windows = list[tuple[int, int]]
Step = tuple[int, int, tuple[int, int]]

DIVIDED = ("Div", "sum", "count")
AVERAGED = ("ReduceMean", ("Transpose", ("GatherND", "moved", "places")))


def pooled(apply: Apply, found: Found, origin: Origin[Value]) -> Value | None:
    """The pool as AveragePool where its windows lie in steps, else as means of slices."""
    if "count" in found and not found["count"].is_constant:
        return None
    x = _picked_from(origin)
    if x is None or x.rank not in (3, 4):
        return None
    windows = _windows(origin, x)
    return None if windows is None else _built(apply, x, windows)


def _picked_from(origin: Origin[Value]) -> Value | None:
    """The one tensor that all elements are picked from; None where an operator of another kind is met."""
    roots: dict[int, Value] = {}
    seen: set[int] = set()
    waiting = [origin.values[0]]
    while waiting:
        value = waiting.pop()
        if value is None or value.is_constant or id(value) in seen:
            continue
        seen.add(id(value))
        made = value.origin
        if made is None or made.node.op_type not in RULES:
            return None
        if made.node.op_type != "GatherND":
            waiting += made.values
            continue
        moved = made.values[0]
        before = None if moved is None else moved.origin
        if before is None or before.node.op_type != "Transpose" or before.values[0] is None:
            return None
        roots[id(before.values[0])] = before.values[0]
    return next(iter(roots.values())) if len(roots) == 1 else None


def _windows(origin: Origin[Value], x: Value) -> tuple[Windows, Windows] | None:
    """Where each mean along the last two axes of `x` begins and ends."""
    height, width = x.shape[-2:]
    if not isinstance(height, int) or not isinstance(width, int):
        return None
    rows, columns = np.eye(height), np.eye(width)
    lead = (1,) * (x.rank - 3)
    noise = np.random.default_rng(0).standard_normal((*[2] * (x.rank - 3), 3, height, width))
    probes = [
        np.broadcast_to(rows[:, :, np.newaxis], (*lead, height, height, width)),
        np.broadcast_to(columns[:, np.newaxis, :], (*lead, width, height, width)),
        noise,
    ]
    try:
        by_row, by_column, mixed = (_computed(origin, x, probe) for probe in probes)
    except (ValueError, IndexError):  # constants that lie along the batch or the channels
        return None
    if any(len(y.shape) != x.rank for y in (by_row, by_column, mixed)):
        return None
    over_rows = by_row.reshape(height, *by_row.shape[-2:])[:, :, 0].T
    over_columns = by_column.reshape(width, *by_column.shape[-2:])[:, 0, :].T
    wanted = over_rows @ noise @ over_columns.T
    if mixed.shape != wanted.shape or not np.allclose(mixed, wanted, atol=1e-5):
        return None
    found = _means(over_rows), _means(over_columns)
    return None if found[0] is None or found[1] is None else (found[0], found[1])


def _computed(origin: Origin[Value], x: Value, probe: Array) -> Array:
    """What the nodes make of an array in the place of `x`."""
    known: dict[int, Array] = {id(x): probe}

    def of(value: Value | None) -> Array:
        assert value is not None
        if id(value) not in known:
            constant = value.array() if value.is_constant else None
            known[id(value)] = by(value.origin) if constant is None else constant
        return known[id(value)]

    def by(made: Origin[Value] | None) -> Array:
        assert made is not None
        terms, other = [], made
        while other.node.op_type == "Add" and other.values[0] is not None:  # sums are hundreds of terms deep
            inner = other.values[0].origin
            if inner is None or inner.node.op_type != "Add":
                break
            terms.append(other.values[1])
            other = inner
        first = np.asarray(RULES[other.node.op_type](other, [of(value) for value in other.values]))
        return sum((of(term) for term in reversed(terms)), first)

    return by(origin)


def _gathered(origin: Origin[Value], operands: Sequence[Array]) -> Array:
    return np.take(operands[0], operands[1], int(origin.attribute("axis", 0)))


def _averaged(origin: Origin[Value], operands: Sequence[Array]) -> Array:
    axes = axes_of(origin, operands[0].ndim)
    if axes is None:
        raise ValueError("the axes are not known")
    return np.asarray(operands[0].mean(tuple(axes), keepdims=bool(origin.attribute("keepdims", 1))))


RULES: dict[str, Callable[[Origin[Value], Sequence[Array]], Any]] = {
    "Add": lambda origin, operands: operands[0] + operands[1],
    "Div": lambda origin, operands: operands[0] / operands[1],
    "Gather": _gathered,
    "GatherND": lambda origin, operands: operands[0][tuple(np.moveaxis(operands[1], -1, 0))],
    "ReduceMean": _averaged,
    "Transpose": lambda origin, operands: np.transpose(operands[0], origin.attribute("perm", None)),
    "Where": lambda origin, operands: np.where(*operands),
}


def _means(matrix: Array) -> Windows | None:
    """The windows of a matrix each row of which takes the mean of neighbours."""
    windows = []
    for row in matrix:
        places = np.flatnonzero(row)
        if not len(places):
            return None
        first, last = int(places[0]), int(places[-1]) + 1
        if not np.allclose(row[first:last], 1 / (last - first), atol=1e-5):
            return None
        windows.append((first, last))
    return windows


def _built(apply: Apply, x: Value, windows: tuple[Windows, Windows]) -> Value:
    steps = [_in_steps(*pair) if x.rank == 4 else None for pair in zip(windows, x.shape[-2:], strict=True)]
    if all(step is not None and step[2] == (0, 0) for step in steps):
        return _pool(apply, x, *steps)
    for place, (step, slices) in enumerate(zip(steps, windows, strict=True)):
        axis = x.rank - 2 + place
        if step is not None:  # axis by axis: TFLite pads both or neither
            x = _pool(apply, x, *((step, None) if place == 0 else (None, step)))
        else:
            parts = [_mean_of_slice(apply, x, axis, *ends) for ends in slices]
            x = apply("Concat", parts, axis=axis) if len(parts) > 1 else parts[0]
    return x


def _pool(apply: Apply, x: Value, *steps: Step | None) -> Value:
    kernel, strides, pads = zip(*(step or (1, 1, (0, 0)) for step in steps), strict=True)
    flat = [pair[0] for pair in pads] + [pair[1] for pair in pads]
    return apply("AveragePool", [x], kernel_shape=kernel, strides=strides, pads=flat)


def _in_steps(windows: Windows, size: Any) -> Step | None:
    """Kernel, stride and padding of a pool that has these windows, cut off at the edges."""
    for stride in range(1, size + 1):
        for before in range(stride):
            kernel = max(last - number * stride + before for number, (_, last) in enumerate(windows))
            starts = [number * stride - before for number in range(len(windows))]
            if [(max(start, 0), min(start + kernel, size)) for start in starts] == windows:
                after = max(starts[-1] + kernel - size, 0)
                if 2 * max(before, after) <= kernel:
                    return kernel, stride, (before, after)
    return None


def _mean_of_slice(apply: Apply, x: Value, axis: int, first: int, last: int) -> Value:
    bounds = [Value(np.array([number], np.int64)) for number in (first, last, axis)]
    part = apply("Slice", [x, *bounds])
    return part if last - first == 1 else apply("ReduceMean", [part, bounds[2]], keepdims=1)
