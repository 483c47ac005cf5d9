"""Models that were written down before the gate was tried on them. Imports torch.

Of 6,012 trials on the first three models 101 passed, all on the INT8 `tagger`: one sample another's, where
the others are 16 to 20 dB better. So a sample counts as far worse than the others from 10 dB on, not 20.
`levels` came after that.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.gate_corpus_case import Array, Arrays, Role
from benchmarks.gate_corpus_models import COUNT, Small, pictures, seeded, signals

QUANTILES = (0.1, 0.5, 0.9)
STEPS = 400
WORDS, LENGTH = 200, 12


class Quantiles(nn.Module):
    """Three quantiles of a disease's progress, 25 to 346, from ten measurements."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 3)
        )

    def forward(self, measurements: Tensor) -> Tensor:
        return 150 + 80 * self.layers(20 * measurements)


class Keypoints(nn.Module):
    """Where eight points are in a picture, [batch, 8, 2] in pixels, and how sure each is, [batch, 8]."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 24, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        self.points, self.sure = nn.Linear(24 * 64, 16), nn.Linear(24 * 64, 8)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        found = self.features(image)
        points = 16 + 12 * torch.tanh(self.points(found) / 4)
        return {"points": points.reshape(-1, 8, 2), "sure": torch.sigmoid(self.sure(found))}


class Tagger(nn.Module):
    """The logarithm of five tags' probability for every word, [batch, 12, 5]."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(WORDS, 24)
        self.around = nn.Conv1d(24, 32, 3, padding=1)
        self.head = nn.Conv1d(32, 5, 1)

    def forward(self, words: Tensor) -> Tensor:
        found = torch.relu(self.around(self.table(words).transpose(1, 2)))
        return torch.log_softmax(self.head(found).transpose(1, 2), -1)


class Levels(nn.Module):
    """The water level at three gauges, 5 and half a metre more or less, at 16 times, [batch, 3, 16]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(2, 12, 5, padding=2), nn.Hardswish(), nn.AvgPool1d(2), nn.Conv1d(12, 3, 3, padding=1)
        )

    def forward(self, signal: Tensor) -> Tensor:
        return 5 + 0.25 * self.layers(signal)


def measurements() -> tuple[Array, Array]:
    """scikit-learn's diabetes data: ten measurements each, and the progress."""
    from sklearn.datasets import load_diabetes

    found = load_diabetes()
    return found.data.astype(np.float32), found.target.astype(np.float32)


def trained_quantiles() -> nn.Module:
    """The quantiles, by their pinball loss on the samples that are not given to the product."""
    torch.manual_seed(0)
    model = Quantiles()
    x, y = (torch.from_numpy(values[COUNT:]) for values in measurements())
    level = torch.tensor(QUANTILES)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(STEPS):
        apart = y[:, None] - model(x)
        loss = torch.maximum(level * apart, (level - 1) * apart).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def sentences() -> Arrays:
    """Seeded words, some of them frequent."""
    random = np.random.default_rng(9)
    return {"words": np.minimum(random.geometric(0.03, (COUNT, LENGTH)), WORDS - 1).astype(np.int64)}


MODELS = {
    "quantiles": Small(trained_quantiles, lambda: {"measurements": measurements()[0][:COUNT]}, (Role(1),)),
    "keypoints": Small(lambda: seeded(Keypoints), pictures, (Role(2, (1,)), Role(1, range="sigmoid"))),
    "levels": Small(lambda: seeded(Levels), signals, (Role(1, (2,)),)),
    "tagger": Small(lambda: seeded(Tagger), sentences, (Role(2, (1,), is_scores=True),)),
}
RIGHT = ("mlp", "conv1d", "pixel-shuffle", "conv3d", "norms", "two-inputs", "detr")  # of the zoo, in INT8
