"""A block of a diffusion model's U-Net: convolutions told the time, attention to itself and to a text."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

GROUPS = 32


class ResidualBlock(nn.Module):
    """Two normalized convolutions; an embedding of the time is added between them."""

    def __init__(self, channels: int, time_width: int) -> None:
        super().__init__()
        groups = min(GROUPS, channels // 4)
        self.first_norm = nn.GroupNorm(groups, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.time = nn.Linear(time_width, channels)
        self.second_norm = nn.GroupNorm(groups, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, sample: torch.Tensor, time: torch.Tensor) -> Any:
        """The sample [batch, channels, height, width], changed by the time [batch, width]."""
        hidden = self.first(functional.silu(self.first_norm(sample)))
        hidden = hidden + self.time(functional.silu(time))[:, :, None, None]
        return sample + self.second(functional.silu(self.second_norm(hidden)))


class Attention(nn.Module):
    """Attention of every place to the places of another sequence, or to its own."""

    def __init__(self, width: int, heads: int, other_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(other_width, width, bias=False)
        self.value = nn.Linear(other_width, width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, hidden: torch.Tensor, other: torch.Tensor) -> Any:
        """[batch, places, width] from the other's [batch, length, other width]."""
        parts = (self.query(hidden), self.key(other), self.value(other))
        query, key, value = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts)
        found = functional.scaled_dot_product_attention(query, key, value)
        return self.out(found.transpose(1, 2).flatten(2))


class TransformerBlock(nn.Module):
    """Attention to itself, attention to the context, and a gated feed-forward layer."""

    def __init__(self, width: int, heads: int, context_width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.own = Attention(width, heads, width)
        self.cross = Attention(width, heads, context_width)
        self.gate = nn.Linear(width, 8 * width)
        self.out = nn.Linear(4 * width, width)

    def forward(self, hidden: torch.Tensor, context: torch.Tensor) -> Any:
        """[batch, places, width], told by the context [batch, length, context width]."""
        normed = self.norms[0](hidden)
        hidden = hidden + self.own(normed, normed)
        hidden = hidden + self.cross(self.norms[1](hidden), context)
        value, gate = self.gate(self.norms[2](hidden)).chunk(2, 2)
        return hidden + self.out(value * functional.gelu(gate))


class UnetBlock(nn.Module):
    """A residual block, and a transformer block over the places of what it gives."""

    def __init__(self, channels: int, heads: int, time_width: int, context_width: int) -> None:
        super().__init__()
        self.residual = ResidualBlock(channels, time_width)
        self.norm = nn.GroupNorm(min(GROUPS, channels // 4), channels)
        self.into = nn.Conv2d(channels, channels, 1)
        self.transformer = TransformerBlock(channels, heads, context_width)
        self.back = nn.Conv2d(channels, channels, 1)

    def forward(self, sample: torch.Tensor, time: torch.Tensor, context: torch.Tensor) -> Any:
        """The sample [batch, channels, height, width], told by time and context."""
        sample = self.residual(sample, time)
        hidden = self.into(self.norm(sample))
        places = self.transformer(hidden.flatten(2).transpose(1, 2), context)
        return sample + self.back(places.transpose(1, 2).unflatten(2, sample.shape[2:]))
