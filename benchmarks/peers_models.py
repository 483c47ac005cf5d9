"""Models that every peer should convert: small, seeded random weights. Imports torch; never TensorFlow."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

Inputs = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Entry:
    """A model that is compared.

    Attributes:
        build: makes it.
        inputs: the example inputs of a batch size; their batch is axis 0.
    """

    build: Callable[[], nn.Module]
    inputs: Callable[[int], Inputs]


class First(nn.Module):
    """A transformers model with its first output alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x, return_dict=False)[0]


def hugging(name: str, **settings: Any) -> Callable[[], nn.Module]:
    """A model of transformers, from its small config."""

    def build() -> nn.Module:
        import transformers

        config = getattr(transformers, f"{name}Config")(**settings)
        return First(getattr(transformers, f"{name}Model")(config))

    return build


def images(side: int, channels: int = 3) -> Callable[[int], Inputs]:
    """Batch → square images."""
    return lambda batch: (torch.randn(batch, channels, side, side),)


def tokens(length: int) -> Callable[[int], Inputs]:
    """Batch → token numbers below 500."""
    return lambda batch: (torch.randint(0, 500, (batch, length)),)


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution with explicit padding and batch normalization."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs))


class PointNet(nn.Module):
    """Points [batch, points, 3]: shared layers with PReLU, an input transform, a maximum over points."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("same", torch.eye(3))
        self.turn = self._shared(3, 32, 128)
        self.turned = nn.Linear(128, 9)
        self.features = self._shared(3, 64, 64, 128, 512)
        self.head = nn.Sequential(nn.Linear(512, 128), nn.PReLU(128), nn.Linear(128, 10))

    def _shared(self, *widths: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv1d(before, after, 1), nn.BatchNorm1d(after), nn.PReLU(after)]
        return nn.Sequential(*layers)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        x = points.transpose(1, 2)
        turn = self.turned(self.turn(x).amax(-1)).view(-1, 3, 3) + self.same
        x = torch.bmm(points, turn).transpose(1, 2)
        return self.head(self.features(x).amax(-1))


class Shuffle(nn.Module):
    """ShuffleNet: halves of the channels, depthwise convolutions, channels shuffled by reshapes."""

    def __init__(self, width: int = 64, blocks: int = 4) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, width, stride=2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        half = width // 2
        self.blocks = nn.ModuleList(
            nn.Sequential(
                conv(half, half, 1), nn.ReLU(), conv(half, half, groups=half), conv(half, half, 1), nn.ReLU()
            )
            for _ in range(blocks)
        )
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            left, right = x.chunk(2, 1)
            x = torch.cat([left, block(right)], 1)
            n, c, h, w = x.shape
            x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.head(x.mean((2, 3)))


class Padded(nn.Module):
    """Padding as a layer of its own before convolutions and pools, even and uneven."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 32, 3, 2), nn.ReLU(),
            nn.ZeroPad2d(1), nn.Conv2d(32, 32, 3, groups=32), nn.Conv2d(32, 64, 1), nn.ReLU(),
            nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(64, 64, 3, 2), nn.ReLU(),
            nn.ZeroPad2d(2), nn.Conv2d(64, 64, 5), nn.ReLU(),
            nn.ConstantPad2d((0, 1, 0, 1), 0.0), nn.MaxPool2d(2, 2), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Linear(64 * 16 * 16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(x))


class Parametric(nn.Module):
    """A residual network of convolutions, each followed by PReLU of one slope per channel or in all."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 32, stride=2), nn.PReLU(32))
        self.blocks = nn.ModuleList(
            nn.Sequential(conv(32, 32), nn.PReLU(32), conv(32, 32), nn.PReLU()) for _ in range(3)
        )
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x.mean((2, 3)))


class Residual(nn.Module):
    """ResNet's basic blocks: a padded max-pool, strides with explicit padding."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 32, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.same = nn.Sequential(conv(32, 32), nn.ReLU(), conv(32, 32))
        self.down = nn.Sequential(conv(32, 64, stride=2), nn.ReLU(), conv(64, 64))
        self.short = conv(32, 64, 1, 2)
        self.head = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = functional.relu(x + self.same(x))
        x = functional.relu(self.short(x) + self.down(x))
        return self.head(x.mean((2, 3)))


class Inverted(nn.Module):
    """MobileNetV3's inverted residuals, with squeeze-and-excitation and hard-swish."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 24, stride=2), nn.Hardswish())
        self.wide = nn.Sequential(conv(24, 96, 1), nn.Hardswish(), conv(96, 96, 5, groups=96), nn.Hardswish())
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(96, 24, 1), nn.ReLU(), nn.Conv2d(24, 96, 1), nn.Hardsigmoid()
        )
        self.narrow = conv(96, 24, 1)
        self.head = nn.Linear(24, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        wide = self.wide(x)
        x = x + self.narrow(wide * self.squeeze(wide))
        return self.head(x.mean((2, 3)))


class Upsampled(nn.Module):
    """A small U-Net: transposed convolutions, and joins of what was there before."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Sequential(conv(3, 16), nn.ReLU())
        self.two = nn.Sequential(conv(16, 32), nn.ReLU())
        self.three = nn.Sequential(conv(32, 64), nn.ReLU())
        self.up_two, self.up_one = nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)
        self.back_two, self.back_one = nn.Sequential(conv(64, 32), nn.ReLU()), conv(32, 16)
        self.head = nn.Conv2d(16, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one = self.one(x)
        two = self.two(functional.max_pool2d(one, 2))
        three = self.three(functional.max_pool2d(two, 2))
        two = self.back_two(torch.cat([self.up_two(three), two], 1))
        return self.head(self.back_one(torch.cat([self.up_one(two), one], 1)))


SIZE = {"hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 384}
PATCHES = {**SIZE, "image_size": 96, "patch_size": 16}
MODELS: dict[str, Entry] = {
    "pointnet": Entry(PointNet, lambda batch: (torch.randn(batch, 512, 3),)),
    "shuffle": Entry(Shuffle, images(128)),
    "prelu": Entry(Parametric, images(64)),
    "padded": Entry(Padded, images(128)),
    "residual": Entry(Residual, images(128)),
    "inverted": Entry(Inverted, images(96)),
    "unet": Entry(Upsampled, images(64)),
    "convnext": Entry(
        hugging("ConvNext", hidden_sizes=[32, 64], depths=[1, 1], num_stages=2), images(64)
    ),
    "vit": Entry(hugging("ViT", **PATCHES), images(96)),
    "deit": Entry(hugging("DeiT", **PATCHES), images(96)),
    "dinov2": Entry(hugging("Dinov2", **PATCHES), images(96)),
    "albert": Entry(hugging("Albert", vocab_size=500, embedding_size=64, **SIZE), tokens(64)),
    "bert": Entry(hugging("Bert", vocab_size=500, **SIZE), tokens(64)),
    "gpt2": Entry(
        hugging("GPT2", vocab_size=500, n_positions=64, n_embd=96, n_layer=2, n_head=4, use_cache=False),
        tokens(32),
    ),
    "wav2vec2": Entry(
        hugging("Wav2Vec2", conv_dim=[64] * 7, num_conv_pos_embeddings=16, **SIZE),
        lambda batch: (torch.randn(batch, 8000),),
    ),
}  # fmt: skip


def made(name: str) -> nn.Module:
    """The model with weights of seed 0, its normalizations away from their trivial start."""
    torch.manual_seed(0)
    model = MODELS[name].build().eval()
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.5, 1.5)
            if isinstance(layer, nn.PReLU):
                layer.weight.uniform_(0.1, 0.4)
    return model


if __name__ == "__main__":
    print(*MODELS)
