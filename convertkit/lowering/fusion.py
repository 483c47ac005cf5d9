"""Patterns that exporters break up, put together again before the graph is lowered."""

from __future__ import annotations

import math
from typing import Any

import onnx


class Index:
    """Who makes and who reads each name of a graph, and its small constants."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.makers = {name: node for node in graph.node for name in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.outputs = {output.name for output in graph.output}
        self.tensors = {tensor.name: tensor for tensor in graph.initializer}

    def number(self, name: str) -> float | None:
        """The value of a constant of one element."""
        tensor: Any = self.tensors.get(name)
        maker = self.makers.get(name)
        if maker is not None and maker.op_type == "Constant":
            tensor = next((a.t for a in maker.attribute if a.name == "value"), None)
        if tensor is None or math.prod(tensor.dims) != 1 or tensor.data_type != onnx.TensorProto.FLOAT:
            return None
        return float(onnx.numpy_helper.to_array(tensor).reshape(-1)[0])

    def operand(self, node: onnx.NodeProto | None, operator: str, number: float) -> str | None:
        """The other operand of `operator(it, number)`, None where the node is not that."""
        if node is None or node.op_type != operator:
            return None
        for place in (1, 0) if operator != "Div" else (1,):
            found = self.number(node.input[place])
            if found is not None and math.isclose(found, number, rel_tol=1e-4):
                return str(node.input[1 - place])
        return None

    def only_reader(self, name: str) -> onnx.NodeProto | None:
        """The one node that reads a name, None where there are others or it is an output."""
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self.outputs else None


def fused(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    """GELUs written with Erf: name of the last node's output → the one node that stands for it."""
    index = Index(graph)
    found = {}
    for node in graph.node:
        if node.op_type == "Erf":
            match = _gelu(index, node)
            if match is not None:
                source, last = match
                found[last.output[0]] = onnx.helper.make_node(
                    "Gelu", [source], [last.output[0]], name=last.name
                )
                found[last.output[0]].metadata_props.extend(last.metadata_props)
    return found


def _gelu(index: Index, erf: onnx.NodeProto) -> tuple[str, onnx.NodeProto] | None:
    """x of `x · 0.5 · (1 + erf(x / √2))` in any of its orders, and the node that ends it."""
    inner = index.makers.get(erf.input[0])
    x = index.operand(inner, "Div", math.sqrt(2)) or index.operand(inner, "Mul", math.sqrt(0.5))
    plus = index.only_reader(erf.output[0])
    if x is None or plus is None or index.operand(plus, "Add", 1.0) != erf.output[0]:
        return None
    product = index.only_reader(plus.output[0])
    if product is None or product.op_type != "Mul":
        return None
    if index.operand(product, "Mul", 0.5) == plus.output[0]:  # 0.5 · (1 + erf) · x
        last = index.only_reader(product.output[0])
        return (x, last) if last is not None and _is_product(last, product.output[0], x) else None
    other = product.input[0] if product.input[1] == plus.output[0] else product.input[1]
    if index.operand(index.makers.get(other), "Mul", 0.5) == x:  # (x · 0.5) · (1 + erf)
        return x, product
    if other != x:
        return None
    last = index.only_reader(product.output[0])  # x · (1 + erf) · 0.5
    return (x, last) if last is not None and index.operand(last, "Mul", 0.5) == product.output[0] else None


def _is_product(node: onnx.NodeProto, left: str, right: str) -> bool:
    return node.op_type == "Mul" and set(node.input) == {left, right}
