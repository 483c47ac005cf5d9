"""Real faults: models with wrong weights, and inputs that are mistaken. Imports torch."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from benchmarks.gate_corpus_case import Arrays, quantized
from benchmarks.gate_corpus_models import Small, run

Weighted = nn.Conv1d | nn.Conv2d | nn.Linear
Normal = nn.modules.batchnorm._BatchNorm


def weighted(model: nn.Module) -> list[nn.Module]:
    """Layers with weights, in order."""
    return [module for module in model.modules() if isinstance(module, Weighted)]


def other_weights(model: nn.Module) -> None:
    torch.manual_seed(1)
    for module in weighted(model):
        module.reset_parameters()  # type: ignore[operator]


def layer_lost(model: nn.Module) -> None:
    layers = weighted(model)
    layers[len(layers) // 2].weight.data.zero_()


def filter_lost(model: nn.Module) -> None:
    """The first layer's filter with the largest weights."""
    weight = weighted(model)[0].weight.data
    weight[int(weight.flatten(1).norm(dim=1).argmax())] = 0


def biases_lost(model: nn.Module) -> None:
    for module in model.modules():
        bias = getattr(module, "bias", None)
        if isinstance(bias, torch.Tensor):
            bias.data.zero_()


def three_bits(model: nn.Module) -> None:
    for module in weighted(model):
        module.weight.data = torch.from_numpy(quantized(module.weight.data.numpy(), 8))


def training_mode(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, Normal):
            module.train()


def statistics_lost(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, Normal):
            module.reset_running_stats()


WEIGHTS: dict[str, Callable[[nn.Module], None]] = {
    "other weights": other_weights,
    "a layer lost": layer_lost,
    "a filter lost": filter_lost,
    "biases lost": biases_lost,
    "weights of 3 bits": three_bits,
    "normalisation in training mode": training_mode,
    "normalisation statistics lost": statistics_lost,
}


def faults(small: Small, samples: Arrays) -> dict[str, Arrays]:
    """Fault → the outputs of a model that has it, for all samples."""
    found = {}
    for name, break_it in WEIGHTS.items():
        model = copy.deepcopy(small.build().eval())
        with torch.no_grad():
            break_it(model)
        found[name] = {str(index): values for index, values in enumerate(run(model, samples))}
    return found


def first(change: Callable[[np.ndarray], np.ndarray | None]) -> Callable[[Arrays], Arrays | None]:
    """The first input changed."""

    def make(inputs: Arrays) -> Arrays | None:
        name = next(iter(inputs))
        changed = change(inputs[name])
        if changed is None:
            return None
        return inputs | {name: np.ascontiguousarray(changed).astype(inputs[name].dtype)}

    return make


def second(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Arrays], Arrays | None]:
    """The second input changed; None where there is none."""

    def make(inputs: Arrays) -> Arrays | None:
        names = list(inputs)
        return inputs | {names[1]: np.ascontiguousarray(change(inputs[names[1]]))} if names[1:] else None

    return make


FEEDS: dict[str, Callable[[Arrays], Arrays | None]] = {
    "second input of the sample before": second(lambda x: np.roll(x, 1, 0)),
    "second input of the first sample": second(lambda x: np.broadcast_to(x[:1], x.shape)),
    "second input zero": second(np.zeros_like),
    "first input of the sample before": first(lambda x: np.roll(x, 1, 0)),
    "input channels reversed": first(lambda x: x[:, ::-1] if x.ndim > 2 and x.shape[1] > 1 else None),
    "input height and width exchanged": first(lambda x: x.swapaxes(2, 3) if x.ndim == 4 else None),
    "input a pixel off": first(lambda x: np.roll(x, 1, -1) if x.ndim > 2 else None),
    "input in bytes": first(lambda x: 127.5 + 127.5 * x),
    "input without its mean": first(lambda x: x - x.mean()),
    "input halved": first(lambda x: x / 2),
}
