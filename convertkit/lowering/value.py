"""Values: a tensor or constant together with its axis order and its partly known shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from convertkit.lowering.narrow import carried, narrow_type
from convertkit.lowering.origin import Origin
from convertkit.lowering.shapes import static_shape
from convertkit.lowering.sizes import Expr, Shape, Size, reshape_target, unknown, vector
from convertkit.lowering.transposes import transposed

Order = tuple[int, ...]


def identity(rank: int) -> Order:
    """The source's own axis order."""
    return tuple(range(rank))


def channels_last(rank: int) -> Order:
    """`(N, C, spatial…)` as `(N, spatial…, C)`."""
    return (0, *range(2, rank), 1) if rank > 2 else identity(rank)


def inverse(order: Order) -> Order:
    """The permutation that undoes `order`."""
    return tuple(int(axis) for axis in np.argsort(order))


class Value:
    """What a name of the ONNX graph stands for.

    Three kinds: a constant (`data` is an array), sizes (`data` is an array of objects: ints and `Expr`), and
    a tensor. `physical = transpose(logical, order)`; `data` is physical, `shape` is logical.

    Attributes:
        data: physical array or tensor.
        order: the axis order.
        shape: the logical shape.
        dtype: TensorFlow type of the elements.
        narrow: the type that they stand for where TensorFlow cannot compute with it (see `narrow`).
        origin: the node that made it (see `origin`), None for inputs and initializers.
        wide: what half precision was before it was rounded (see `half`), None where it is not known.
        rounds: the float32 value that half precision is a rounding of, None where it is not known. It is
            transposed in its place: TFLite does not transpose half precision.
        base: what it was before it was repeated along axes (see `repeats`), None where it was not.
    """

    def __init__(
        self,
        data: Any,
        order: Order | None = None,
        shape: Shape | None = None,
        dtype: Any = None,
        narrow: np.dtype[Any] | None = None,
    ):
        rank = len(data.shape)
        self.data = data
        self.order = identity(rank) if order is None else order
        self.dtype = tf.as_dtype(dtype or data.dtype)
        self.narrow = narrow
        self.shape = self._logical_shape() if shape is None else shape
        if self.is_tensor and shape is not None:
            data.set_shape(static_shape(shape[axis] for axis in self.order))
            self.shape = self._sharpened(shape)
        self.origin: Origin[Value] | None = None
        self.wide: Value | None = None
        self.rounds: Value | None = None
        self.base: Value | None = None
        self._reordered: dict[tuple[Order, Any], Value] = {}

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.order)

    @property
    def numpy_type(self) -> Any:
        """NumPy's type of the elements."""
        return self.narrow or np.dtype(self.dtype.as_numpy_dtype)

    @property
    def is_sizes(self) -> bool:
        """True for a vector of sizes, partly known at build time."""
        return isinstance(self.data, np.ndarray) and self.data.dtype == object

    @property
    def is_constant(self) -> bool:
        """True where every element is known at build time."""
        return isinstance(self.data, np.ndarray) and self.data.dtype != object

    @property
    def is_tensor(self) -> bool:
        """True where the elements are computed at run time."""
        return not isinstance(self.data, np.ndarray)

    @property
    def is_permuted(self) -> bool:
        """True where the physical order is not the source's."""
        return self.order != identity(self.rank)

    def axis(self, logical: int) -> int:
        """The physical number of a logical axis (negative ones count from the end).

        Raises:
            ValueError: no such axis.
        """
        if not -self.rank <= logical < max(self.rank, 1):
            raise ValueError(f"axis {logical} is out of range for a tensor of rank {self.rank}")
        return self.order.index(logical % self.rank) if self.rank else 0

    def _logical_shape(self) -> Shape:
        sizes: list[Size] = [0] * self.rank
        known = self.data.shape if isinstance(self.data, np.ndarray) else self.data.shape.as_list()
        for physical, logical in enumerate(self.order):
            size = known[physical]
            sizes[logical] = int(size) if size is not None else axis_size(self.data, physical)
        return tuple(sizes)

    def _sharpened(self, shape: Shape) -> Shape:
        known = self.data.shape.as_list()
        places = inverse(self.order)
        return tuple(
            known[places[axis]] if isinstance(size, Expr) and known[places[axis]] is not None else size
            for axis, size in enumerate(shape)
        )

    def in_order(self, order: Order) -> Value:
        """The same value with another physical order; transposed at most once per graph."""
        if order == self.order:
            return self
        key = (order, tf.compat.v1.get_default_graph() if self.is_tensor else None)
        if key not in self._reordered:
            self._reordered[key] = self._transposed(order) if self.rounds is None else self._rounded(order)
            if self.wide is not None:
                self._reordered[key].wide = self.wide.in_order(order)
        return self._reordered[key]

    def _rounded(self, order: Order) -> Value:
        assert self.rounds is not None
        rounds = self.rounds.in_order(order)
        result = Value(tf.cast(rounds.data, self.dtype), order, self.shape)
        result.rounds = rounds
        return result

    def _transposed(self, order: Order) -> Value:
        steps = [self.order.index(logical) for logical in order]
        if isinstance(self.data, np.ndarray):
            data: Any = np.ascontiguousarray(np.transpose(self.data, steps))
        elif _moves_only_ones([self.shape[axis] for axis in self.order], steps):  # no data moves
            data = tf.reshape(self.data, reshape_target(self.shape[axis] for axis in order))
        else:
            data = transposed(self.data, [self.shape[axis] for axis in self.order], steps)
        return Value(data, order, self.shape, self.dtype, self.narrow)

    def logical(self) -> Value:
        """The same value in the source's axis order."""
        return self.in_order(identity(self.rank))

    def renamed(self, axes: Sequence[int]) -> Value:
        """The logical transpose by `axes`: nothing moves, only the order changes."""
        back = inverse(tuple(axes))
        order = tuple(back[axis] for axis in self.order)
        result = Value(self.data, order, tuple(self.shape[axis] for axis in axes), self.dtype, self.narrow)
        result.wide = None if self.wide is None else self.wide.renamed(axes)
        return result

    def array(self) -> np.ndarray[Any, Any] | None:
        """The elements in logical order where all are known, else None."""
        if self.is_tensor:
            return None
        if self.is_sizes:
            if any(isinstance(size, Expr) for size in self.data.flat):
                return None
            return np.asarray(self.data.astype(self.dtype.as_numpy_dtype))
        return np.asarray(self.logical().data)

    def sizes(self) -> list[Size] | None:
        """The elements of an integer vector as sizes, or None where they are computed at run time."""
        if self.is_constant or self.is_sizes:
            return [size if isinstance(size, Expr) else int(size) for size in self.logical().data.reshape(-1)]
        return None


def constant_value(array: np.ndarray[Any, Any]) -> Value:
    """An array as a value."""
    return Value(carried(array), narrow=narrow_type(array.dtype))


def sizes_value(sizes: Any, dtype: Any = tf.int64) -> Value:
    """A value of sizes; a constant where every one is known."""
    data = np.empty(np.shape(sizes), object)
    data[...] = sizes
    if any(isinstance(size, Expr) for size in data.flat):
        return Value(data, dtype=dtype)
    return Value(data.astype(tf.as_dtype(dtype).as_numpy_dtype), dtype=dtype)


def sizes_tensor(value: Value) -> Any:
    """The tensor of a value of sizes."""
    flat = vector(value.data.flat, value.dtype)
    return tf.reshape(flat, value.data.shape) if value.rank != 1 else flat


def shaped(tensor: Any, shape: Sequence[int | None]) -> Any:
    """The tensor, its shape stated at build time; no operator is added (TFLite has none for it)."""
    tensor.set_shape(shape)
    return tensor


def expanded(tensor: Any, axis: int) -> Any:
    """One more axis of size 1: a RESHAPE where one size at most is free, never a STRIDED_SLICE."""
    sizes = tensor.shape.as_list()
    if sizes.count(None) > 1 or 0 in sizes:
        return tf.expand_dims(tensor, axis)
    target = [-1 if size is None else size for size in sizes]
    return tf.reshape(tensor, [*target[:axis], 1, *target[axis:]])


def squared(tensor: Any) -> Any:
    """x · x as a product: TensorFlow's own square may end as SQUARED_DIFFERENCE, which int16x8 refuses."""
    return tf.multiply(tensor, tf.identity(tensor))


def axis_size(tensor: Any, axis: int) -> Size:
    """The size of a physical axis of a tensor: of its own name, told at run time."""
    name = getattr(tensor, "name", "") or str(id(tensor))
    scope = id(getattr(tensor, "graph", None))
    return unknown(f"{name}@{scope}[{axis}]", lambda: tf.shape(tensor)[axis])


def _moves_only_ones(sizes: list[Size], steps: list[int]) -> bool:
    """True where a transpose keeps the order of all axes that are not of size 1: it is a reshape."""
    if sum(isinstance(size, Expr) for size in sizes) > 1:
        return False
    kept = [axis for axis in steps if sizes[axis] != 1]
    return kept == sorted(kept)
