"""One model of the corpus of signatures: how it is built, its inputs and their free axes, its samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

Arrays = dict[str, np.ndarray]
KINDS = ("pt2", "state-dict", "torchscript", "onnx")
COUNT = 160  # samples: fewer do not show the ranges that INT8 needs
EXAMPLE = {"batch": 3, "time": 6, "left": 6, "right": 8, "height": 12, "width": 16}
SIZES = ({"batch": 1, "time": 9, "left": 9, "right": 5, "height": 16, "width": 12},
         {"batch": 5, "time": 4, "left": 4, "right": 11, "height": 8, "width": 20})  # fmt: skip


@dataclass(frozen=True)
class Input:
    """An input: its axes by size or name, and how its values are drawn.

    Attributes:
        high: integers are drawn below it; 0 draws normal values.
    """

    shape: tuple[int | str, ...]
    high: int = 0
    dtype: str = "float32"
    values: Callable[[tuple[int, ...], np.random.Generator], np.ndarray] | None = None

    def draw(self, sizes: dict[str, int], random: np.random.Generator) -> np.ndarray:
        """Values at these sizes."""
        shape = tuple(sizes[dim] if isinstance(dim, str) else dim for dim in self.shape)
        if self.values is not None:
            return self.values(shape, random).astype(self.dtype)
        if self.high:
            return random.integers(0, self.high, shape).astype(self.dtype)
        return random.standard_normal(shape).astype(self.dtype)


@dataclass(frozen=True)
class Case:
    """A model, and what it is converted with.

    Attributes:
        sentence: what of a signature it has that is not plain.
        words: what `convert` is told besides samples and targets.
        samples: the samples' arrays from those of `Input.draw`, where they are given in another form.
        kinds: those that can be made of it.
        call: the inputs of the artifact from those of the source, where these differ.
        fixed: sizes at which the words fix free axes.
        own_db: what the source itself is precise to, where it computes in half precision.
    """

    name: str
    sentence: str
    build: Callable[[], torch.nn.Module]
    inputs: dict[str, Input]
    words: dict[str, Any] = field(default_factory=dict)
    samples: Callable[[Arrays], Arrays] | None = None
    kinds: tuple[str, ...] = KINDS
    call: Callable[[Arrays], Arrays] | None = None
    fixed: dict[str, int] = field(default_factory=dict)
    own_db: float = 200.0

    def model(self) -> torch.nn.Module:
        """The model, its weights always the same."""
        torch.manual_seed(0)
        return self.build().eval()

    def arrays(self, sizes: dict[str, int], seed: int = 0) -> Arrays:
        """One call's inputs."""
        random = np.random.default_rng(seed)
        return {name: each.draw(sizes, random) for name, each in self.inputs.items()}

    @property
    def is_plain(self) -> bool:
        """True where the first axis of every input is the batch, and the only free one."""
        shapes = [each.shape for each in self.inputs.values()]
        return all(s[:1] == ("batch",) and all(isinstance(dim, int) for dim in s[1:]) for s in shapes)

    def given(self) -> Arrays:
        """What goes into the `.npz`: the batch, or a sample axis in front where an input has none."""
        arrays = self.arrays(EXAMPLE | {"batch": COUNT})
        return self.samples(arrays) if self.samples else arrays

    def expected(self, call: Arrays) -> list[np.ndarray]:
        """PyTorch's outputs, flat."""
        with torch.no_grad():
            value = self.model()(*(torch.from_numpy(each.copy()) for each in call.values()))
        return [leaf.numpy() for leaf in leaves(value)]

    def told_inputs(self) -> list[str]:
        """`--input` for each input."""
        return [
            f"{name}:{each.dtype}[{','.join(map(str, each.shape))}]" for name, each in self.inputs.items()
        ]

    def dynamic(self) -> tuple[dict[int, Any], ...]:
        """torch.export's free axes."""
        dims: dict[str, Any] = {}
        return tuple(
            {
                axis: dims.setdefault(dim, torch.export.Dim(dim))
                for axis, dim in enumerate(each.shape)
                if isinstance(dim, str)
            }
            for each in self.inputs.values()
        )


def leaves(value: Any) -> list[torch.Tensor]:
    """The tensors of what a model returns."""
    if torch.is_tensor(value):
        return [value]
    if value is None:
        return []
    members = (
        value.values()
        if isinstance(value, dict)
        else value
        if isinstance(value, (list, tuple))
        else vars(value).values()
    )
    return [leaf for member in members for leaf in leaves(member)]
