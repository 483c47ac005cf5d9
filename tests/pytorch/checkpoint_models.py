"""Models that checkpoints of the tests are made of."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Net(nn.Module):
    """A convolution with BatchNorm, a constant buffer, and a head."""

    def __init__(self, num_classes: int = 3) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Linear(8, num_classes)
        self.register_buffer("position_ids", torch.arange(8)[None])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Class scores."""
        return self.head(self.body(image).mean((2, 3)))


def build(num_classes: int = 3) -> nn.Module:
    """A seeded net."""
    torch.manual_seed(1)
    return Net(num_classes)


def broken() -> nn.Module:
    """A factory that raises."""
    raise RuntimeError("no such device")


class ConvBlock(nn.Module):
    """Convolution, BatchNorm, SiLU: a detector's block."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn = nn.BatchNorm2d(after)
        self.act = nn.SiLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features at 1/stride."""
        return self.act(self.bn(self.conv(x)))


class Detect(nn.Module):
    """A head with the attributes of Ultralytics' one: in export mode it gives predictions alone."""

    dynamic = False
    export = False
    format: str | None = None
    shape: Any = None
    anchors = torch.empty(0)

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.nc = classes
        self.cv2 = nn.Conv2d(channels, 4, 1)
        self.cv3 = nn.Conv2d(channels, classes, 1)

    def forward(self, features: list[torch.Tensor]) -> Any:
        """Boxes as centre and size, and scores, [batch, 4 + classes, cells]."""
        x = features[0]
        raw = torch.cat((self.cv2(x), self.cv3(x)), 1)
        if self.dynamic or self.shape != x.shape:
            self.anchors, self.shape = centres(x), x.shape
        boxes, scores = raw.flatten(2).split((4, self.nc), 1)
        middle = self.anchors + boxes[:, :2].sigmoid() - 0.5
        decoded = torch.cat((middle, boxes[:, 2:].sigmoid() * 4), 1) * 8
        if self.export and self.format in ("tflite", "edgetpu"):
            decoded = decoded / (8 * x.shape[3])
        predictions = torch.cat((decoded, scores.sigmoid()), 1)
        return predictions if self.export else (predictions, features)


def centres(x: torch.Tensor) -> torch.Tensor:
    """The centres of the cells of a feature map, [2, cells]."""
    rows, columns = torch.arange(x.shape[2]) + 0.5, torch.arange(x.shape[3]) + 0.5
    down, right = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack((right.flatten(), down.flatten()))


class DetectionModel(nn.Module):
    """A detector as its checkpoints hold it."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        blocks = [ConvBlock(3, 8, 2), ConvBlock(8, 16, 2), ConvBlock(16, 16, 2), Detect(16, classes)]
        self.model = nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        """Predictions of the head."""
        for block in self.model[:-1]:
            x = block(x)
        return self.model[-1]([x])


def detector() -> nn.Module:
    """A seeded detector whose BatchNorms have seen images."""
    torch.manual_seed(2)
    model = DetectionModel().train()
    with torch.no_grad():
        for _ in range(20):
            model(torch.rand(8, 3, 64, 64))
    return model.eval()
