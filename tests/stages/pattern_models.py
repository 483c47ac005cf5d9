"""Models after patterns that users report, and their weights; a worker imports it as a factory's module."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import rnn


class PyramidPooling(nn.Module):
    """Means over windows of uneven sizes, beside the image that they are means of."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, 2, 1)
        self.pools = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(size), nn.Conv2d(6, 2, 1)) for size in ((2, 3), 4, (5, 7))
        )
        self.head = nn.Conv2d(12, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x).relu()
        parts = [functional.interpolate(pool(y), size=y.shape[2:]) for pool in self.pools]
        out: Tensor = self.head(torch.cat([y, *parts], 1))
        return out


class LinePooling(nn.Module):
    """A sequence pooled to 5 steps, whatever divides."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(4, 8, 3, padding=1)
        self.head = nn.Linear(40, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.adaptive_avg_pool1d(self.stem(x).relu(), 5)
        out: Tensor = self.head(y.flatten(1))
        return out


class Counter(nn.Module):
    """A step that gives back what it was given, changed, under the same names."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(4, 6)

    def forward(self, x: Tensor, state: Tensor, step: Tensor) -> dict[str, Tensor]:
        after = self.cell(x, state)
        return {"state": after, "step": step + 1, "y": after.sum(1)}


class Echo(nn.Module):
    """An input handed through, beside an output that has its natural new name."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(4, 4)

    def forward(self, x: Tensor, mask: Tensor) -> dict[str, Tensor]:
        return {"mask": mask, "mask_out": self.line(x) * mask}


class Packed(nn.Module):
    """Sequences of their own lengths through a recurrent layer in both directions."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.rnn = kind(5, 7, batch_first=True, bidirectional=True)
        self.head = nn.Linear(14, 3)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        steps, _ = rnn.pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=x.shape[1])
        out: Tensor = self.head(steps.sum(1))
        return out


def pyramid() -> nn.Module:
    return PyramidPooling()


def line() -> nn.Module:
    return LinePooling()


def counter() -> nn.Module:
    return Counter()


def echo() -> nn.Module:
    return Echo()


def packed_lstm() -> nn.Module:
    return Packed(nn.LSTM)


def packed_gru() -> nn.Module:
    return Packed(nn.GRU)


def save_all(folder: str) -> None:
    """The weights of every model, seeded."""
    for make in (pyramid, line, counter, echo, packed_lstm, packed_gru):
        torch.manual_seed(0)
        torch.save(make().state_dict(), Path(folder) / f"{make.__name__}.pt")
