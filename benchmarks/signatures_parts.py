"""What the models of the corpus of signatures are made of: layers, inputs, and how values are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor, nn

from benchmarks.signatures_case import COUNT, Arrays, Input


class Net(nn.Module):
    """Layers by name, and a function of them and the inputs."""

    def __init__(self, run: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(layers)
        self.run = run

    def forward(self, *inputs: Tensor) -> Any:
        """What the function gives."""
        return self.run(self.layers, *inputs)


def net(run: Callable[..., Any], **layers: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """A builder of a `Net`, its forward with as many arguments as the function has."""

    def build() -> nn.Module:
        module = Net(run, **{name: make() for name, make in layers.items()})
        names = run.__code__.co_varnames[1 : run.__code__.co_argcount]
        scope: dict[str, Any] = {}
        arguments = ", ".join(names)
        exec(f"def forward(self, {arguments}): return self.run(self.layers, {arguments})", scope)
        kind = type("Net", (Net,), {"forward": scope["forward"]})
        module.__class__ = kind
        return module

    return build


def linear(size: int = 8, to: int = 4) -> Callable[[], nn.Module]:
    """A linear layer."""
    return lambda: nn.Linear(size, to)


def conv(size: int = 3, to: int = 4) -> Callable[[], nn.Module]:
    """A convolution that keeps height and width."""
    return lambda: nn.Conv2d(size, to, 3, padding=1)


def encoder() -> nn.Module:
    """One layer of a transformer encoder."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
    return nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)


def sample_first(name: str) -> Callable[[Arrays], Arrays]:
    """One entry a sample for an input without a batch axis."""
    return lambda arrays: arrays | {name: np.stack([arrays[name]] * COUNT)}


def many(name: str) -> Callable[[Arrays], Arrays]:
    """A whole input a sample, each of its own values."""

    def drawn(arrays: Arrays) -> Arrays:
        shape = (COUNT, *arrays[name].shape)
        return arrays | {name: np.random.default_rng(1).standard_normal(shape).astype(np.float32)}

    return drawn


def causal(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """An additive mask that hides what comes later."""
    return np.triu(np.full(shape, -1e4), 1)


def positive(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Numbers between 1 and 2."""
    return random.uniform(1, 2, shape)


def constant(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """The number that every call takes."""
    return np.full(shape, 1.5)


X = Input(("batch", 8))
SEQUENCE = Input(("batch", "time", 8))
IMAGE = Input(("batch", 3, 12, 16))
FREE_IMAGE = Input(("batch", 3, "height", "width"))
IDS = Input(("batch", "time"), high=30, dtype="int64")
STATE = Input((1, "batch", 8))
