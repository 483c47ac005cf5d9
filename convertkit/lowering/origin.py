"""What a value knows of where it comes from: below values and patterns, it imports neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import onnx

Operand = TypeVar("Operand")


@dataclass(frozen=True)
class Origin(Generic[Operand]):
    """What made a value.

    Attributes:
        node: the ONNX node.
        values: its operands, as they were given.
    """

    node: onnx.NodeProto
    values: Sequence[Operand | None]

    def attribute(self, name: str, default: Any) -> Any:
        """An attribute of the node."""
        found = next((a for a in self.node.attribute if a.name == name), None)
        return default if found is None else onnx.helper.get_attribute_value(found)
