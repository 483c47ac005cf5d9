"""An ONNX graph as refinements see it: its constants as arrays, how often each is used, changes to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from convertkit.artifacts.signature import Array

INPUTS_APART = 4  # since this version of the format initializers need not be inputs


class Graph:
    """A model's main graph.

    Attributes:
        model: the model, changed in place.
        constants: initializers by name. Those that old files list among the inputs are inputs no more.
        uses: value → how many times a node, a branch's body or an output of the graph reads it.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self._tensors: dict[str, onnx.TensorProto] = {t.name: t for t in model.graph.initializer}
        model.ir_version = max(model.ir_version, INPUTS_APART)
        for value in [value for value in model.graph.input if value.name in self._tensors]:
            model.graph.input.remove(value)
        self.constants = {name: numpy_helper.to_array(tensor) for name, tensor in self._tensors.items()}
        self.uses = Counter(name for node in model.graph.node for name in reads(node))
        self.uses.update(value.name for value in model.graph.output)

    @property
    def nodes(self) -> list[onnx.NodeProto]:
        """The nodes, in the order of execution."""
        return list(self.model.graph.node)

    @property
    def shell(self) -> onnx.ModelProto:
        """The model without anything in its graph: its opsets and functions."""
        shell = onnx.ModelProto(ir_version=self.model.ir_version)
        shell.opset_import.extend(self.model.opset_import)
        shell.functions.extend(self.model.functions)
        shell.graph.name = "part"
        return shell

    def tensor(self, name: str) -> onnx.TensorProto:
        """A constant as the model has it."""
        return self._tensors[name]

    def replace(self, name: str, values: Array) -> None:
        """Give a constant other values."""
        self._tensors[name].CopyFrom(numpy_helper.from_array(values, name))
        self.constants[name] = values

    def add(self, name: str, values: Array) -> str:
        """A new constant, under the name or, where that is taken, one like it; which it is."""
        fresh = self.fresh(name)
        tensor = self.model.graph.initializer.add()
        tensor.CopyFrom(numpy_helper.from_array(values, fresh))
        self._tensors[fresh], self.constants[fresh] = tensor, values
        return fresh

    def fresh(self, name: str) -> str:
        """The name or, where that is taken, one like it."""
        taken = {*self.constants, *self.uses, *(out for node in self.model.graph.node for out in node.output)}
        return next(one for one in numbered(name) if one not in taken)

    def read_by(self, node: onnx.NodeProto, place: int, name: str) -> None:
        """Have a node read a constant at a place of its inputs, where there may be none yet."""
        while len(node.input) <= place:
            node.input.append("")
        self._unread(node.input[place])
        node.input[place] = name
        self.uses[name] += 1

    def multiply(self, name: str, factors: Array, readers: Sequence[onnx.NodeProto]) -> None:
        """Have some readers of a value read its product with a constant, a node of its own before them."""
        product = self.fresh(f"{name}.scaled")
        node = onnx.helper.make_node("Mul", [name, self.add(f"{name}.factors", factors)], [product])
        outputs = [list(reader.output) for reader in readers]
        place = next(at for at, each in enumerate(self.model.graph.node) if list(each.output) in outputs)
        self.model.graph.node.insert(place, node)
        self.uses.update(node.input)
        for reader in readers:
            for at in [at for at, each in enumerate(reader.input) if each == name]:
                self.read_by(reader, at, product)

    def follow(self, node: onnx.NodeProto, after: onnx.NodeProto) -> None:
        """Put a new node right after another."""
        place = next(at for at, each in enumerate(self.model.graph.node) if each.output == node.output)
        self.model.graph.node.insert(place + 1, after)
        self.uses.update(after.input)

    def remove(self, node: onnx.NodeProto) -> None:
        """Take a node out; what it gave is given by another."""
        self.model.graph.node.remove(node)
        for name in reads(node):
            self._unread(name)

    def freeze(self, node: onnx.NodeProto, values: Array) -> None:
        """Have a constant of the same name in the place of what a node gives."""
        name = node.output[0]
        tensor = self.model.graph.initializer.add()
        tensor.CopyFrom(numpy_helper.from_array(values, name))
        self.remove(node)
        self._tensors[name], self.constants[name] = tensor, values

    def _unread(self, name: str) -> None:
        """Count one reader less; a constant goes with its last one."""
        self.uses[name] -= 1
        if name in self.constants and self.uses[name] < 1:
            self.model.graph.initializer.remove(self._tensors.pop(name))
            del self.constants[name]

    def forget_shape(self, name: str) -> None:
        """Drop what is stated of a value that will be no more."""
        for value in [value for value in self.model.graph.value_info if value.name == name]:
            self.model.graph.value_info.remove(value)

    def consumers(self, name: str) -> list[onnx.NodeProto]:
        """The nodes that read a value."""
        return [node for node in self.model.graph.node if name in reads(node)]


def reads(node: onnx.NodeProto) -> list[str]:
    """Values that a node reads, those of its branches and bodies too."""
    found = [name for name in node.input if name]
    for attribute in node.attribute:
        for body in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else ())):
            inner = {name for each in body.node for name in each.output}
            inner |= {value.name for value in (*body.input, *body.initializer)}
            outside = [name for each in body.node for name in reads(each)]
            outside += [value.name for value in body.output]
            found += [name for name in outside if name not in inner]
    return found


def attributes_of(node: onnx.NodeProto) -> dict[str, Any]:
    """The attributes that a node states."""
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def numbered(name: str) -> Iterator[str]:
    """The name, then the name with 1, 2, … after it."""
    yield name
    number = 1
    while True:
        yield f"{name}_{number}"
        number += 1


def is_number(values: Array | None) -> bool:
    """True where a constant is there and holds float32."""
    return values is not None and values.dtype == np.float32
