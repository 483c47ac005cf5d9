"""A detector as they are exported: two scales, boxes decoded inside, [batch, 4 + classes, anchors] out."""

import torch
from torch import Tensor, nn

from fixtures.planted import Block, spread

SCALES = ((8, 80.0), (4, 160.0))  # places a side, stride in pixels
REACH = 4.0


class Detector(nn.Module):
    """Boxes as centre and size in pixels of 640 × 640, then scores."""

    def __init__(self, classes: int = 6, width: int = 32) -> None:
        super().__init__()
        self.fine = nn.Sequential(Block(3, 16), nn.MaxPool2d(2), Block(16, width), nn.MaxPool2d(2))
        self.coarse = nn.Sequential(Block(width, width), nn.MaxPool2d(2))
        self.boxes = nn.ModuleList([nn.Conv2d(width, 4, 1) for _ in SCALES])
        self.scores = nn.ModuleList([nn.Conv2d(width, classes, 1) for _ in SCALES])
        self.register_buffer("centres", torch.cat([centres(places) for places, _ in SCALES], 1)[None])
        strides = [torch.full((1, places**2), stride) for places, stride in SCALES]
        self.register_buffer("strides", torch.cat(strides, 1)[None])
        spread(self)

    def forward(self, image: Tensor) -> Tensor:
        """Predictions [batch, 4 + classes, 80] of images [batch, 3, 32, 32]."""
        fine = self.fine(image)
        maps = zip((fine, self.coarse(fine)), self.boxes, self.scores, strict=True)
        raw = torch.cat([torch.cat([boxes(x), scores(x)], 1).flatten(2) for x, boxes, scores in maps], 2)
        distances, logits = raw.split((4, raw.shape[1] - 4), 1)
        before, after = (distances.sigmoid() * REACH).chunk(2, 1)
        low, high = self.centres - before, self.centres + after
        boxes = torch.cat([(low + high) / 2, high - low], 1) * self.strides
        return torch.cat([boxes, logits.sigmoid()], 1)


def centres(places: int) -> Tensor:
    """Centres of a square grid of places, [2, places²], in places."""
    along = torch.arange(places) + 0.5
    rows, columns = torch.meshgrid(along, along, indexing="ij")
    return torch.stack([columns, rows]).reshape(2, -1)
