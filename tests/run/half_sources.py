"""Models in half precision: weights, buffers, inputs, outputs, and types that they make themselves."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BATCH = torch.export.Dim("batch")


class Inside(nn.Module):
    """Half precision between float32 edges: what the code casts itself."""

    def __init__(self, half: torch.dtype) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.half = half
        self.conv = nn.Conv2d(3, 8, 3, 2, 1)
        self.norm = nn.BatchNorm2d(8)
        self.out = nn.Linear(8 * 16, 5)
        self.to(half)

    def forward(self, x: Tensor) -> Tensor:
        """Scores [batch, 5] of images [batch, 3, 8, 8]."""
        y = torch.relu(self.norm(self.conv(x.to(self.half)))).flatten(1)
        out: Tensor = self.out(y).float()
        return out


def inside_bfloat16() -> Inside:
    return Inside(torch.bfloat16)


def inside_float16() -> Inside:
    return Inside(torch.float16)


class Pictures(nn.Module):
    """Images in and out, which change their layout at the edges."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Four channels for three."""
        return torch.tanh(self.conv(x))


class Attention(nn.Module):
    """Half precision at the edges too; types, factories and the lowest value follow the input's type."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.qkv = nn.Linear(16, 48)
        self.norm = nn.LayerNorm(16)
        self.out = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Scores [batch, 6, 4] of sequences [batch, 6, 16]; no step sees those behind it."""
        places = torch.arange(6, dtype=x.dtype)[:, None] / 6
        q, k, v = self.qkv(self.norm(x + places)).chunk(3, -1)
        mask = torch.full((6, 6), torch.finfo(x.dtype).min, dtype=x.dtype).triu(1)
        scores = torch.softmax((q @ k.transpose(1, 2)) / 4 + mask, -1)
        return self.out(scores @ v + torch.zeros(16, dtype=x.dtype))  # type: ignore[no-any-return]


def attention_bfloat16() -> nn.Module:
    return Attention().to(torch.bfloat16)


def attention_float16() -> nn.Module:
    return Attention().to(torch.float16)


class Mixed(nn.Module):
    """Ids and a float16 input, float32 weights, a table in bfloat16, outputs of float16 and float32."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.layer = nn.Linear(8, 8)
        self.register_buffer("table", torch.randn(20, 8).to(torch.bfloat16))

    def forward(self, ids: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features [batch, 8], and their sum in float16."""
        y = self.layer(x.float()) + self.table[ids]
        return y, y.sum(1).to(torch.float16)
