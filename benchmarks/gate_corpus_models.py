"""Six small models of different kinds, of which wrong artifacts are made. Imports torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.gate_corpus_case import Array, Arrays, Role
from fixtures import models
from fixtures.planted import Block, spread

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
COUNT = 128
SIDE = 32
STEPS = 32


class Probabilities(nn.Module):
    """A classifier with a softmax behind it."""

    def __init__(self, scores: nn.Module) -> None:
        super().__init__()
        self.scores = scores

    def forward(self, image: Tensor) -> Tensor:
        return self.scores(image).softmax(1)


class Detector(nn.Module):
    """Boxes in 0..2 and the scores of five classes for 64 places, in one output [batch, 64, 9]."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            Block(3, 16), nn.MaxPool2d(2), nn.BatchNorm2d(16), Block(16, 32), nn.MaxPool2d(2)
        )
        self.head = nn.Conv2d(32, 9, 1)

    def forward(self, image: Tensor) -> Tensor:
        places = self.head(self.backbone(image)).flatten(2).transpose(1, 2).sigmoid()
        boxes, scores = places.split([4, 5], -1)
        return torch.cat([boxes * 2, scores], -1)


class Frames(nn.Module):
    """Eight features of every second step of a signal [batch, 2, 32], as [batch, 16, 8]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(2, 16, 5, padding=2), nn.BatchNorm1d(16), nn.ReLU(),
            nn.Conv1d(16, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Conv1d(16, 8, 3, padding=1),
        )  # fmt: skip

    def forward(self, signal: Tensor) -> Tensor:
        return self.layers(signal).transpose(1, 2)


class Segmenter(nn.Module):
    """Scores of three classes for every pixel: down, up by bilinear interpolation, joined."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.down = Block(3, 8), nn.Sequential(nn.MaxPool2d(2), nn.BatchNorm2d(8), Block(8, 16))
        self.head = nn.Conv2d(24, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        fine = self.first(image)
        coarse = nn.functional.interpolate(self.down(fine), scale_factor=2, mode="bilinear")
        return self.head(torch.cat([fine, coarse], 1))


def trained(name: str) -> nn.Module:
    """A fixture with its weights."""
    model: nn.Module = getattr(models, name)()
    state = torch.load(FIXTURES / name / "model.state_dict.pt", weights_only=True)
    model.load_state_dict(state)
    return model


def seeded(kind: Callable[[], nn.Module]) -> nn.Module:
    """A model whose weights keep the variance, and whose statistics are not trivial."""
    torch.manual_seed(0)
    model = kind().eval()
    spread(model)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model


def fixture_samples(name: str) -> Arrays:
    """The samples of a fixture, labels too."""
    with np.load(FIXTURES / name / "samples.npz") as arrays:
        return {key: arrays[key][:COUNT] for key in arrays.files}


def pictures() -> Arrays:
    """Seeded pictures [128, 3, 32, 32]: some bright rectangles on a slope of colour, and noise."""
    random = np.random.default_rng(3)
    slope = np.linspace(-1, 1, SIDE)
    tilt = random.normal(size=(2, COUNT, 3, 1, 1))
    images = tilt[0] * slope[:, None] + tilt[1] * slope + 0.1 * random.normal(size=(COUNT, 3, SIDE, SIDE))
    for image in images:
        for _ in range(random.integers(1, 5)):
            top, left = random.integers(0, SIDE - 4, 2)
            height, width = random.integers(4, 16, 2)
            image[:, top : top + height, left : left + width] = random.normal(0, 1.5, (3, 1, 1))
    return {"image": images.astype(np.float32)}


def signals() -> Arrays:
    """Seeded signals [128, 2, 32] of some tones, each louder or quieter."""
    random = np.random.default_rng(4)
    time = np.arange(STEPS)
    pitch, phase = random.uniform(0.05, 0.8, (COUNT, 2, 3, 1)), random.uniform(0, 6.3, (COUNT, 2, 3, 1))
    loudness = random.uniform(0.4, 1.6, (COUNT, 1, 1))
    values = loudness * np.sin(pitch * time + phase).sum(2) + 0.1 * random.normal(size=(COUNT, 2, STEPS))
    return {"signal": values.astype(np.float32)}


@dataclass(frozen=True)
class Small:
    """A model, its samples, and what its outputs are, in order."""

    build: Callable[[], nn.Module]
    samples: Callable[[], Arrays]
    roles: tuple[Role, ...]


MODELS = {
    "digits": Small(lambda: trained("digits"), lambda: fixture_samples("digits"), (Role(1, is_scores=True),)),
    "probabilities": Small(
        lambda: Probabilities(trained("digits")),
        lambda: fixture_samples("digits"),
        (Role(1, range="softmax", is_scores=True),),
    ),
    "two-inputs": Small(
        lambda: trained("two_inputs"),
        lambda: two_inputs(),
        (Role(1, range="sigmoid"), Role(1, is_scores=True)),
    ),
    "detector": Small(lambda: seeded(Detector), pictures, (Role(2, (1,)),)),
    "frames": Small(lambda: seeded(Frames), signals, (Role(2, (1,)),)),
    "segmenter": Small(lambda: seeded(Segmenter), pictures, (Role(1, (2, 3), is_scores=True),)),
}


def two_inputs() -> Arrays:
    """As many samples for the fixture of two inputs as for the others, drawn like its own."""
    random = np.random.default_rng(0)
    image = random.random((COUNT, 3, 16, 16), dtype=np.float32)
    return {"image": image, "features": 3 * random.standard_normal((COUNT, 6), dtype=np.float32)}


def run(model: nn.Module, samples: Arrays) -> list[Array]:
    """The model's outputs for all samples, in the order in which an export has them."""
    inputs = [torch.from_numpy(x) for name, x in samples.items() if name != "labels"]
    with torch.no_grad():
        outputs = model(*inputs)
    values = outputs.values() if isinstance(outputs, dict) else [outputs]
    return [value.numpy() for value in values]
