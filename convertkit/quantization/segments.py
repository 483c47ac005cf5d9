"""A graph run piece by piece on all calls: each node once, values kept as long as a later node reads them."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import onnxruntime as ort

from convertkit.artifacts.signature import Array, Arrays
from convertkit.quantization.calls import fitting
from convertkit.quantization.graph import Graph, reads

FATAL_ONLY = 4


class Run:
    """Calls that stand at the same place of the graph.

    Attributes:
        calls: for each call the values that are still needed.
    """

    def __init__(self, graph: Graph, calls: Sequence[Arrays], threads: int) -> None:
        self._graph = graph
        self._threads = threads
        self._place = 0
        self._last = {name: place for place, node in enumerate(graph.nodes) for name in reads(node)}
        self.calls = [dict(call) for call in calls]

    def advance(self, node: onnx.NodeProto) -> None:
        """Run everything before a node."""
        names = [list(other.output) for other in self._graph.nodes]
        self._run(names.index(list(node.output)))

    def step(self, node: onnx.NodeProto) -> list[Array]:
        """Run everything up to and with a node; its output for each call, which may be changed in place."""
        self.advance(node)
        after = self._place + 1
        self._last.setdefault(node.output[0], after)  # kept this once where no node reads it
        self._run(after)
        return [call[node.output[0]] for call in self.calls]

    def _run(self, stop: int) -> None:
        """Run the nodes up to a place, and drop what no later one reads; calls too where they do not fit."""
        nodes = self._graph.nodes[self._place : stop]
        self._place = stop
        if not nodes:
            return
        made = [name for node in nodes for name in node.output if name]
        wanted = [name for name in made if self._last.get(name, -1) >= stop]
        session = open_part(self._graph, nodes, wanted, self.calls[0], self._threads)
        given = [value.name for value in session.get_inputs()]
        done = 0
        while done < len(self.calls):
            call = self.calls[done]
            found = session.run(wanted, {name: call[name] for name in given}) if wanted else []
            kept = {name: value for name, value in call.items() if self._last.get(name, -1) >= stop}
            self.calls[done] = kept | dict(zip(wanted, found, strict=True))
            if done == 0:
                one = sum(value.nbytes for value in self.calls[0].values())
                del self.calls[fitting(one, len(self.calls)) :]
            done += 1


def open_part(
    graph: Graph, nodes: Sequence[onnx.NodeProto], outputs: Sequence[str], known: Arrays, threads: int
) -> ort.InferenceSession:
    """A session of some nodes with the constants that they read; the rest of what they read is its input."""
    made = {name for node in nodes for name in node.output}
    read = dict.fromkeys(name for node in nodes for name in reads(node) if name not in made)
    part = onnx.ModelProto()
    part.CopyFrom(graph.shell)
    part.graph.node.extend(nodes)
    part.graph.initializer.extend(graph.tensor(name) for name in read if name in graph.constants)
    for name in read:
        if name not in graph.constants:
            kind = onnx.helper.np_dtype_to_tensor_dtype(known[name].dtype)
            part.graph.input.append(onnx.helper.make_tensor_value_info(name, kind, None))
    part.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    return open_session(part, threads)


def open_session(model: onnx.ModelProto, threads: int) -> ort.InferenceSession:
    """A session on the CPU."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
