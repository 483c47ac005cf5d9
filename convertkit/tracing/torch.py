"""Every tensor of a PyTorch model: the nodes of an exported program, or what each module returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import fx, nn

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Array, Arrays
from convertkit.errors import NotMeasuredError
from convertkit.pytorch.load import load_model
from convertkit.pytorch.watch import module_of
from convertkit.tracing import Trace
from convertkit.workers.answers import TracedTensor


def trace(artifact: Artifact, inputs: Arrays, threads: int) -> Trace:
    """Run a PyTorch model once.

    Raises:
        NotMeasuredError: it is TorchScript, whose tensors cannot be seen.
    """
    torch.set_num_threads(threads)
    torch.backends.mha.set_fastpath_enabled(False)
    model = load_model(artifact.path, artifact.loader)
    arguments = [torch.from_numpy(np.asarray(values, order="C")) for values in inputs.values()]
    tensors = [TracedTensor(name, "input", aliases=(name,)) for name in inputs]
    with torch.inference_mode():
        if isinstance(model, fx.GraphModule):
            seen, arrays = trace_graph(model, arguments)
        elif isinstance(model, nn.Module) and not isinstance(model, torch.jit.ScriptModule):
            seen, arrays = trace_modules(model, arguments)
        else:
            raise NotMeasuredError(
                "the tensors of a TorchScript file cannot be seen", hint="give the model as .pt2"
            )
    return [*tensors, *seen], [*inputs.values(), *arrays]


class Recorder(fx.Interpreter):
    """Runs a graph node by node and keeps every tensor of floats."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module, garbage_collect_values=True)
        self.tensors: list[TracedTensor] = []
        self.arrays: list[Array] = []

    def run_node(self, n: fx.Node) -> Any:
        """Run a node; keep what it gives."""
        value = super().run_node(n)
        if n.op in ("call_function", "call_module", "call_method") and is_float(value):
            inputs = tuple(node.name for node in n.all_input_nodes if node.op != "get_attr")
            self.tensors.append(TracedTensor(n.name, str(n.target), inputs, (n.name,), module_of(n)))
            self.arrays.append(value.detach().float().numpy())
        return value


def trace_graph(model: fx.GraphModule, arguments: list[torch.Tensor]) -> Trace:
    """What each node of an exported program gives."""
    recorder = Recorder(model)
    recorder.run(*arguments)
    return recorder.tensors, recorder.arrays


def trace_modules(model: nn.Module, arguments: list[torch.Tensor]) -> Trace:
    """What each module without children returns."""
    tensors: list[TracedTensor] = []
    arrays: list[Array] = []
    last: list[str] = []

    def keep(path: str, kind: str, value: Any) -> None:
        if is_float(value):
            tensors.append(TracedTensor(path, kind, tuple(last[-1:]), (), path))
            arrays.append(value.detach().float().numpy())
            last.append(path)

    handles = [
        module.register_forward_hook(
            lambda module, _, value, path=path: keep(path, type(module).__name__, value)
        )
        for path, module in model.named_modules()
        if path and not list(module.children())
    ]
    try:
        model(*arguments)
    finally:
        for handle in handles:
            handle.remove()
    return tensors, arrays


def is_float(value: Any) -> bool:
    """True for a tensor of floats that has entries."""
    return isinstance(value, torch.Tensor) and value.is_floating_point() and value.numel() > 0
