"""Ranges of a model's activations, sample by sample: what calibration sees of them. Runs in a worker.

An exported program is interpreted node by node, any other module watched by a forward hook on each layer;
TorchScript tells nothing of its inside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.signature import Arrays
from convertkit.pytorch.load import Module, load_model
from convertkit.pytorch.script import tensors
from convertkit.samples.representative import calibration_steps

Ends = dict[str, tuple[float, float]]


def observe_artifact(artifact: Artifact, samples: Arrays, seconds: float, threads: int) -> Arrays:
    """The ranges of a file's activations over samples, logical, first axis = sample; see `observe`."""
    torch.set_num_threads(threads)
    torch.backends.mha.set_fastpath_enabled(False)  # as in every run; the fast path skips the layers' hooks
    model = load_model(artifact.path, artifact.loader)
    steps = calibration_steps(artifact.signature, samples)
    return observe(model, (tensors(step) for step in steps), seconds)


def observe(model: Module, calls: Iterable[Sequence[torch.Tensor]], seconds: float) -> Arrays:
    """Lowest and highest value of each layer's outputs: layer → float64 [calls, 2].

    Args:
        calls: the inputs of each call, one sample each.
        seconds: no further call begins after that; a first one always does.

    Returns:
        Layers that every call went through; one with the same ranges as an earlier one is left out.
    """
    seen: list[Ends] = []
    started = time.perf_counter()
    with torch.no_grad():
        run = watched(model, seen)
        if run is None:
            return {}
        for inputs in calls:
            seen.append({})
            run(*inputs)
            if time.perf_counter() - started > seconds:
                break
    names = [name for name in (seen[0] if seen else {}) if all(name in ends for ends in seen)]
    ranges = {name: np.array([ends[name] for ends in seen], np.float64) for name in names}
    return dict({values.tobytes(): (name, values) for name, values in reversed(ranges.items())}.values())


def watched(model: Module, seen: list[Ends]) -> Callable[..., Any] | None:
    """What runs the model and writes down each layer's ends in the last entry; None where it cannot."""
    if isinstance(model, fx.GraphModule):
        return Watcher(model, seen).run
    if isinstance(model, torch.jit.ScriptModule) or not isinstance(model, nn.Module):
        return None
    for name, layer in model.named_modules():
        if name and not any(True for _ in layer.children()):
            layer.register_forward_hook(lambda _m, _i, value, name=name: note(seen[-1], name, value))
    return model


class Watcher(fx.Interpreter):
    """Runs a graph and writes down what each operator gives."""

    def __init__(self, model: fx.GraphModule, seen: list[Ends]) -> None:
        super().__init__(model)
        self._seen = seen

    def run_node(self, n: fx.Node) -> Any:
        """The node's value."""
        value = super().run_node(n)
        if n.op.startswith("call_"):
            note(self._seen[-1], n.name, value)
        return value


def note(ends: Ends, name: str, value: Any) -> None:
    """Widen a layer's ends by the finite values of all tensors that it gave."""
    for tensor in float_tensors(value):
        finite = tensor[tensor.isfinite()]
        if finite.numel():
            low, high = (float(end) for end in finite.aminmax())
            known = ends.get(name, (low, high))
            ends[name] = (min(low, known[0]), max(high, known[1]))


def float_tensors(value: Any) -> Iterator[torch.Tensor]:
    """The float tensors within what a layer returned."""
    if isinstance(value, torch.Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from float_tensors(each)
    elif isinstance(value, dict):
        yield from float_tensors(tuple(value.values()))
