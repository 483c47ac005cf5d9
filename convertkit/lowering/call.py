"""One node being lowered: what an operator's function reads its operands and attributes from.

Of the graph around it an operator sees `Surroundings`, nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import onnx

from convertkit.lowering.faults import NeedsConstant, describe
from convertkit.lowering.sizes import Shape, Size
from convertkit.lowering.value import Order, Value, axis_size, sizes_tensor
from convertkit.lowering.weights import Weights

Array = np.ndarray[Any, Any]


class Surroundings(Protocol):
    """All that an operator needs of the graph that its node is in.

    Attributes:
        weights: the constants of the whole lowering.
    """

    weights: Weights

    def subgraph(self, graph: onnx.GraphProto, operands: Sequence[Value]) -> list[Value]:
        """The outputs of a graph in the node's attributes, for these inputs; it sees the names around it."""

    def apply(self, operator: str, values: Sequence[Value | None], **attributes: Any) -> Value:
        """The first result of one of ONNX's operators that no node of the graph has."""


class Call:
    """A node with its operands.

    Attributes:
        node: the ONNX node.
        opset: the model's opset for the node's domain.
        values: the operands, already in the orders that the operator asked for; None where left out.
        scope: what it sees of the graph that the node is in.
    """

    def __init__(
        self, node: onnx.NodeProto, opset: int, values: list[Value | None], scope: Surroundings
    ) -> None:
        self.node = node
        self.opset = opset
        self.values = values
        self.scope = scope
        self._attributes = {a.name: a for a in node.attribute}

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute's value, `default` where it is not set; strings are str."""
        if name not in self._attributes:
            return default
        value = onnx.helper.get_attribute_value(self._attributes[name])
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, list) and value and isinstance(value[0], bytes):
            return [item.decode() for item in value]
        return value

    def has(self, index: int) -> bool:
        """True where the operand is given."""
        return index < len(self.values) and self.values[index] is not None

    def value(self, index: int) -> Value:
        """An operand.

        Raises:
            ValueError: it is not given.
        """
        value = self.values[index] if index < len(self.values) else None
        if value is None:
            raise ValueError(f"input {index} is missing")
        return value

    def tensor(self, index: int) -> Any:
        """An operand as a tensor, in physical order."""
        return self.tensor_of(self.value(index))

    def optional(self, index: int) -> Any:
        """An operand as a tensor, None where it is not given."""
        return self.tensor(index) if self.has(index) else None

    def tensors(self) -> list[Any]:
        """All operands that are given, as tensors."""
        return [self.tensor_of(value) for value in self.values if value is not None]

    def tensor_of(self, value: Value) -> Any:
        """A value as a tensor of the current graph; large constants become variables, once each."""
        if value.is_sizes:
            return sizes_tensor(value)
        return self.scope.weights.tensor(value.data, value.dtype) if value.is_constant else value.data

    def array(self, index: int) -> Array:
        """An operand that has to be known at build time, in logical order.

        Raises:
            NeedsConstant: it is computed at run time.
        """
        array = self.value(index).array()
        if array is None:
            raise self.needs_constant(index)
        return array

    def needs_constant(self, index: int) -> NeedsConstant:
        """The error for an operand that is computed at run time but has to be known."""
        name = self.node.input[index]
        return NeedsConstant(f"{describe(self.node)}: input '{name}' must be a constant", name)

    def sizes(self, index: int) -> list[Size]:
        """An integer operand as sizes.

        Raises:
            NeedsConstant: it is computed at run time.
        """
        sizes = self.value(index).sizes()
        if sizes is None:
            raise self.needs_constant(index)
        return sizes

    def integers(self, index: int, name: str = "") -> list[int] | None:
        """Integers that older opsets have as the attribute `name` and newer ones as an operand."""
        if name in self._attributes:
            value = self.attribute(name)
            return [int(v) for v in value] if isinstance(value, list) else [int(value)]
        if not self.has(index):
            return None
        return [int(number) for number in self.array(index).reshape(-1)]

    @property
    def order(self) -> Order:
        """The axis order of the first operand."""
        return self.value(0).order

    @property
    def shape(self) -> Shape:
        """The logical shape of the first operand."""
        return self.value(0).shape

    @property
    def rank(self) -> int:
        """The rank of the first operand."""
        return self.value(0).rank

    def axis(self, logical: int) -> int:
        """The physical number of a logical axis of the first operand."""
        return self.value(0).axis(logical)

    def number(self, logical: int) -> int:
        """A logical axis counted from the front.

        Raises:
            ValueError: no such axis.
        """
        self.axis(logical)
        return logical % max(self.rank, 1)

    def like(self, tensor: Any, changed: Mapping[int, Size | None] | None = None) -> Value:
        """A result with the first operand's order and shape, but for the logical axes in `changed`.

        None as the new size means: what the tensor says.
        """
        shape = list(self.shape)
        for axis, size in (changed or {}).items():
            place = self.order.index(axis)
            shape[axis] = known_size(tensor, place) if size is None else size
        return Value(tensor, self.order, tuple(shape))


def known_size(tensor: Any, axis: int) -> Size:
    """The size of a tensor's axis: an int, or a size of its own."""
    size = tensor.shape[axis]
    return int(size) if size is not None else axis_size(tensor, axis)
