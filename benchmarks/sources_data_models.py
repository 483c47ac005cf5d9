"""The two models that the forms of data are for; imports PyTorch."""

from __future__ import annotations

import torch


class ImageModel(torch.nn.Module):
    """Scores of an image of 8 × 8 pixels."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 4, 3)
        self.head = torch.nn.Linear(144, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[batch, classes]."""
        return self.head(torch.relu(self.convolution(x)).flatten(1))


class TwoVectors(torch.nn.Module):
    """Scores of two vectors of 4; exchanging them changes the answer."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.head = torch.nn.Linear(4, classes)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """[batch, classes]."""
        return self.head(a - 2 * b)
