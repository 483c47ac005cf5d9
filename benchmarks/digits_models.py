"""Architectures that are trained on handwritten digits for docs/int8.md. Imports torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTH = 64


class PoolCnn(nn.Module):
    """Convolutions and pools, then linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
            *(nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10)),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Logits [batch, 10] of images [batch, 1, 8, 8]."""
        logits: Tensor = self.layers(image)
        return logits


class Vit(nn.Module):
    """Sixteen patches of 2 × 2 pixels through a pre-norm encoder of three layers, and their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, WIDTH, 2, 2)
        self.places = nn.Parameter(torch.randn(1, 16, WIDTH) * 0.02)
        layer = nn.TransformerEncoderLayer(
            WIDTH, 4, 2 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Logits [batch, 10] of images [batch, 1, 8, 8]."""
        tokens = self.patches(image).flatten(2).transpose(1, 2) + self.places
        logits: Tensor = self.head(self.norm(self.encoder(tokens).mean(1)))
        return logits


class BiLstm(nn.Module):
    """The eight rows of an image as a sequence, read both ways."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.LSTM(8, WIDTH, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * WIDTH, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Logits [batch, 10] of images [batch, 1, 8, 8]."""
        logits: Tensor = self.head(self.rows(image.squeeze(1))[0].mean(1))
        return logits


MODELS = {"pool-CNN": PoolCnn, "ViT": Vit, "bi-LSTM": BiLstm}
