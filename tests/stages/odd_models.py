"""Models that quantization has trouble with, and their weights; a worker imports it as a factory's module."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Branch(nn.Module):
    """Which of two heads runs depends on the values: no tracer sees both."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 32), nn.ReLU())
        self.often = nn.Linear(32, 4)
        self.seldom = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        if y.sum() > 1000:
            return self.seldom(y)
        return self.often(y)


class Recurrent(nn.Module):
    """An LSTM and a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(8, 32, 2, batch_first=True)
        self.head = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.rnn(x)[0][:, -1])
        return out


class Named(nn.Module):
    """Its outputs are called as torch.export calls other values of it."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = nn.Embedding(9, 4), nn.Linear(8, 4)

    def forward(self, x: Tensor, ids: Tensor) -> dict[str, Tensor]:
        y = self.table(ids) + self.layer(x)
        return {"embedding": y.relu(), "add": y * 2, "linear": y.tanh()}


class Words(nn.Module):
    """An embedding whose weight is the linear layer's as well."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(100, 32)
        self.head = nn.Linear(32, 100, bias=False)
        self.head.weight = self.words.weight

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.words(x))
        return out


class Upsampling(nn.Module):
    """A transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(8, 3, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.up(self.down(x).relu())
        return out


class Layerless(nn.Module):
    """Weights, and no layer that holds them."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        return torch.erf(x + self.table.sum(0))


class Graph(nn.Module):
    """Every layer that an exported program is turned back into, two of them with the same weight."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Sequential(nn.Conv1d(4, 8, 3, padding="same"), nn.BatchNorm1d(8), nn.ReLU6())
        self.twice = nn.Linear(16, 16)
        self.norm = nn.LayerNorm(16)
        self.plane = nn.Conv2d(1, 8, (3, 5), stride=(2, 1), padding=(1, 2))
        self.up = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1, groups=2)
        self.volume = nn.Conv3d(1, 4, 3, padding=1, dilation=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.twice(self.twice(self.line(x)).tanh()))
        z = torch.dropout(self.plane(y.unsqueeze(1)).relu(), 0.5, self.training)
        z = self.up(z)
        z = self.volume(z.reshape(z.shape[0], 1, 4, 8, -1))
        flat: Tensor = z.flatten(1)
        return flat


def seeded(kind: type[nn.Module]) -> nn.Module:
    """The model with weights that are the same in every process."""
    torch.manual_seed(0)
    return kind().eval()


def graph() -> nn.Module:
    return seeded(Graph)


def branch() -> nn.Module:
    return seeded(Branch)


def recurrent() -> nn.Module:
    return seeded(Recurrent)


def words() -> nn.Module:
    return seeded(Words)


def upsampling() -> nn.Module:
    return seeded(Upsampling)


def layerless() -> nn.Module:
    return seeded(Layerless)


FACTORIES = (branch, recurrent, words, upsampling, layerless)


def save_all(folder: str) -> None:
    """Write `<name>.pt`, a state dict, for every model."""
    for factory in FACTORIES:
        torch.save(factory().state_dict(), f"{folder}/{factory.__name__}.pt")
    batch = {0: torch.export.Dim("batch", min=1)}
    program = torch.export.export(graph(), (torch.zeros(2, 4, 16),), dynamic_shapes=(batch,))
    torch.export.save(program, f"{folder}/graph.pt2")
