"""The lowering itself: the nodes of a graph in order, operands arranged, constants folded, names kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tensorflow as tf

from convertkit.errors import ConvertkitError, ModelFileError, StageError
from convertkit.graphs.value_names import scope_of
from convertkit.lowering.branches import followers, widened
from convertkit.lowering.call import Call
from convertkit.lowering.declare import Acts, Operator
from convertkit.lowering.faults import (
    NeedsConstant,
    Undecided,
    UnevenBranches,
    UnsupportedOperators,
    describe,
    first_line,
)
from convertkit.lowering.functions import function_of, is_defined
from convertkit.lowering.nodes import needed
from convertkit.lowering.orders import arrange, with_broadcast_axis
from convertkit.lowering.origin import Origin
from convertkit.lowering.patterns.fusion import fused
from convertkit.lowering.registry import find
from convertkit.lowering.repeats import bases, is_repeated, repeated, shape_of, spared
from convertkit.lowering.results import as_list, evaluated, lowered
from convertkit.lowering.value import Value, constant_value
from convertkit.lowering.weights import Weights


class Scope:
    """The names of one graph; those of a subgraph see the graph around it.

    Attributes:
        opsets: domain → version.
        weights: the constants of the whole lowering.
        values: what the names stand for so far.
        base_dir: where external data lies.
        absent: operands of a function that its caller left out.
        is_function: inside an operator that ONNX defines by others; its names mean nothing outside.
    """

    def __init__(
        self,
        opsets: dict[str, int],
        weights: Weights,
        around: Scope | None = None,
        base_dir: Path | None = None,
    ) -> None:
        self.opsets = opsets
        self.weights = weights
        self.around = around
        self.base_dir = base_dir
        self.values: dict[str, Value] = {}
        self.absent: set[str] = set()
        self.is_function: bool = around is not None and around.is_function
        self._initializers: dict[str, onnx.TensorProto] = {}

    def subgraph(self, graph: onnx.GraphProto, operands: Sequence[Value]) -> list[Value]:
        """The outputs of a graph inside this one, lowered for these inputs."""
        inner = Scope(self.opsets, self.weights, self, self.base_dir)
        names = [value.name for value in graph.input]
        inner.values.update(zip(names, operands, strict=False))
        return inner.run(graph)

    def value(self, name: str) -> Value:
        """What a name stands for, here or around.

        Raises:
            StageError: nothing of that name was computed.
        """
        if name in self.values:
            return self.values[name]
        if name in self._initializers:
            return self.values.setdefault(name, constant_value(self._array(name)))
        if self.around is None:
            raise StageError(f"nothing computes '{name}'")
        return self.around.value(name)

    def lacks(self, name: str) -> bool:
        """True for a function's operand that its caller left out."""
        return name in self.absent or (self.around is not None and self.around.lacks(name))

    def _array(self, name: str) -> np.ndarray[Any, Any]:
        """An initializer's elements.

        Raises:
            ModelFileError: its data is missing, cut short, or outside the model's folder.
        """
        try:
            return onnx.numpy_helper.to_array(self._initializers[name], str(self.base_dir or ""))
        except (onnx.checker.ValidationError, ValueError, OSError) as error:
            raise ModelFileError(f"the data of '{name}' cannot be read: {first_line(error)}") from error

    def run(self, graph: onnx.GraphProto) -> list[Value]:
        """Lower a graph's nodes; its inputs are already in `values`.

        Returns:
            The values of the graph's outputs.
        """
        self._initializers = {initializer.name: initializer for initializer in graph.initializer}
        wanted = [output.name for output in graph.output]
        self.run_nodes(graph.node, wanted)
        return [self.value(name) for name in wanted]

    def run_nodes(self, nodes: Sequence[onnx.NodeProto], wanted: Iterable[str]) -> None:
        """Lower the nodes that the wanted names depend on."""
        kept, wanted = needed(nodes, wanted), list(wanted)
        for place, node in enumerate(kept):
            try:
                self._lower(node)
            except UnevenBranches as error:
                if node.op_type != "If":
                    raise
                self._lower_with_followers(node, kept[place + 1 :], wanted, error)
                return

    def _lower_with_followers(
        self, node: onnx.NodeProto, later: Sequence[onnx.NodeProto], wanted: list[str], error: UnevenBranches
    ) -> None:
        """An `If` whose branches differ in rank, followed by as many nodes in each as make them one rank.

        Raises:
            UnevenBranches: `error`, where they never are, or a node does not take both.
        """
        after, others = followers(later, node.output)
        self.run_nodes(others, [name for other in others for name in other.output])
        for whole, rest in widened(node, after, wanted):
            try:
                self._lower(whole)
            except UnevenBranches:
                continue
            except StageError:
                break
            self.run_nodes(rest, wanted)
            return
        raise error

    def _lower(self, node: onnx.NodeProto) -> None:
        values = [self.value(name) if name and not self.lacks(name) else None for name in node.input]
        operator = find(node, self._opset(node))
        try:
            with self._named(node):
                whole = fused(Origin(node, values), self.apply)
                if whole is not None:
                    results = [whole]
                elif operator is None:
                    results = self._called(node, values)
                else:
                    results = self._results(node, operator, values)
        except ConvertkitError:
            raise
        except Exception as error:
            raise StageError(f"{describe(node)}: {first_line(error)}") from error
        for name, value in zip(node.output, results, strict=False):
            value.origin = value.origin or Origin(node, values)
            self.values[name] = value

    def apply(self, operator: Operator | str, values: Sequence[Value | None], **attributes: Any) -> Value:
        """The result of an operator that no node of the graph has; one of ONNX's is given by its name."""
        node = onnx.helper.make_node(operator if isinstance(operator, str) else "", [], [""], **attributes)
        if isinstance(operator, str):
            known = find(node, self._opset(node))
            assert known is not None, operator
            operator = known
        result: Value = self._results(node, operator, list(values))[0]
        return result

    def _named(self, node: onnx.NodeProto) -> Any:
        """The name scope of a node's operators: its first output's name, wherever the node is."""
        name = next((name for name in node.output if name), "")
        if self.is_function or not name:
            return contextlib.nullcontext()
        return tf.name_scope(f"{scope_of(name)}/")

    def _opset(self, node: onnx.NodeProto) -> int:
        return self.opsets.get("" if node.domain == "ai.onnx" else node.domain, 1)

    def _called(self, node: onnx.NodeProto, values: list[Value | None]) -> list[Value]:
        """The results of an operator that ONNX defines by others."""
        if not is_defined(node, self._opset(node)):
            raise UnsupportedOperators(f"no lowering for {describe(node)}")
        function = function_of(node, self._opset(node), values)
        opsets = {entry.domain: entry.version for entry in function.opset_import}
        scope = Scope(opsets, self.weights)
        scope.is_function = True
        scope.values.update({k: v for k, v in zip(function.input, values, strict=False) if v is not None})
        scope.absent = set(function.input) - set(scope.values)
        pairs = zip(function.output, node.output, strict=False)
        wanted = [inner for inner, outer in pairs if outer]
        try:
            scope.run_nodes(function.node, wanted)
        except NeedsConstant as error:  # its own names mean nothing outside
            outer = next(name for name in node.output if name)
            raise NeedsConstant(f"{describe(node)}: {error}", outer) from error
        return [scope.value(name) if name in wanted else Value(np.zeros(0)) for name in function.output]

    def _results(self, node: onnx.NodeProto, operator: Operator, values: list[Value | None]) -> list[Value]:
        opset = self._opset(node)
        if opset < 7:
            values = with_broadcast_axis(node, values)
        given = [value for value in values if value is not None]
        are_sizes = any(value.is_sizes for value in given) and not any(value.is_tensor for value in given)
        if operator.sizes is not None and are_sizes:
            with contextlib.suppress(Undecided):
                return as_list(operator.sizes(Call(node, opset, values, self)))
        if operator.folds and all(value.is_constant for value in given):
            return self._folded(node, operator, values)
        if operator.acts is Acts.ELEMENTWISE and operator.data is None:
            values = spared(values)
        if operator.folds or node.op_type == "Unsqueeze":
            whole = self._repeated(node, operator, values)
            if whole is not None:
                return [whole]
        return lowered(operator, Call(node, opset, arrange(operator, values), self))

    def _repeated(self, node: onnx.NodeProto, operator: Operator, values: list[Value | None]) -> Value | None:
        """The result for constants that are repeated along axes: computed once, and repeated then."""
        if not is_repeated(values):
            return None
        shape = shape_of(Call(node, self._opset(node), values, self), operator)
        if shape is None:
            return None
        (base,) = self._folded(node, operator, bases(values))
        return repeated(base, self.weights.tensor(base.data, base.dtype), shape)

    def _folded(self, node: onnx.NodeProto, operator: Operator, values: list[Value | None]) -> list[Value]:
        """The results of a node whose operands are all known, computed now."""
        with tf.init_scope():
            call = Call(node, self._opset(node), arrange(operator, values), self)
            results = lowered(operator, call)
            return [evaluated(value) if value.is_tensor else value for value in results]
