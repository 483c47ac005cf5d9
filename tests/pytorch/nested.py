"""Models whose outputs are nested, their inner names repeated; a worker imports it as a factory's module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, NamedTuple, Tuple  # noqa: UP035 - torch.jit.script reads these

import torch
from torch import Tensor, nn

Head = NamedTuple("Head", [("cls", Tensor), ("box", Tensor)])  # noqa: UP014 - no strings as types


@dataclass
class Pair:
    """The same as a dataclass."""

    cls: Tensor
    box: Tensor


class Heads(nn.Module):
    """Four linear layers of their own widths and weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(8, 6), nn.Linear(8, 3)
        self.c, self.d = nn.Linear(8, 4), nn.Linear(8, 3)


class NestedDict(Heads):
    """A dict of dicts with the same keys, not in alphabetical order."""

    def forward(self, x: Tensor) -> Dict[str, Dict[str, Tensor]]:  # noqa: UP006
        return {
            "small": {"cls": self.a(x), "box": self.b(x)},
            "large": {"cls": self.c(x), "box": self.d(x)},
        }


class ListOfDicts(Heads):
    """A list of dicts with the same keys."""

    def forward(self, x: Tensor) -> List[Dict[str, Tensor]]:  # noqa: UP006
        return [{"cls": self.a(x), "box": self.b(x)}, {"cls": self.c(x), "box": self.d(x)}]


class DictOfTuples(Heads):
    """A dict of tuples, whose dicts have the same key."""

    def forward(self, x: Tensor) -> Dict[str, Tuple[Tensor, Dict[str, Tensor]]]:  # noqa: UP006
        return {
            "small": (self.a(x), {"box": self.b(x)}),
            "large": (self.c(x), {"box": self.d(x)}),
        }


class NamedTuples(Heads):
    """Two named tuples with the same fields."""

    def forward(self, x: Tensor) -> Tuple[Head, Head]:  # noqa: UP006
        return Head(self.a(x), self.b(x)), Head(self.c(x), self.d(x))


class Dataclasses(Heads):
    """Two dataclasses with the same fields."""

    def forward(self, x: Tensor) -> tuple[Pair, Pair]:
        return Pair(self.a(x), self.b(x)), Pair(self.c(x), self.d(x))
