"""What people have in hand, built small and seeded in a folder: checkpoints, folders, other files."""

from __future__ import annotations

import atexit
import copy
import functools
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sources_case import Build

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ROOT / "fixtures" / "digits"
NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes: int = 3) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Linear(8, num_classes)
        self.register_buffer("position_ids", torch.arange(8)[None])

    def forward(self, image):
        return self.head(self.body(image).mean((2, 3)))

def build():
    return Net()
"""


def random() -> np.random.Generator:
    """The same numbers in every row."""
    return np.random.default_rng(0)


def images(folder: Path, name: str = "samples.npz", key: str = "image", size: int = 8) -> None:
    """Samples: 48 blocky images of three channels."""
    blocks = random().standard_normal((48, 3, 8, 8)).astype(np.float32)
    values = blocks.repeat(size // 8, 2).repeat(size // 8, 3)
    np.savez(folder / name, **{key: values})


def net(folder: Path) -> Any:
    """The module of `mynet.py`, its samples beside it."""
    (folder / "mynet.py").write_text(NET)
    images(folder)
    space: dict[str, Any] = {"__name__": "mynet"}
    exec(NET, space)
    return space["build"]().eval()


def state(change: Callable[[Any], Any]) -> Build:
    """A checkpoint `weights.pt` of the net's state dict, changed."""

    def build(folder: Path) -> None:
        import torch

        torch.save(change(net(folder).state_dict()), folder / "weights.pt")

    return build


def prefixed(prefix: str) -> Build:
    """A state dict whose keys begin with something."""
    return state(lambda s: {prefix + key: value for key, value in s.items()})


def entry(key: str, **more: Any) -> Build:
    """A checkpoint with the state dict as one of its entries."""
    return state(lambda s: {key: s, **more})


def lightning(folder: Path) -> None:
    """A checkpoint as Lightning writes it."""
    state(lambda s: {"state_dict": {f"model.{k}": v for k, v in s.items()}, "hyper_parameters": {"lr": 0.1}})(
        folder
    )


def wrapped(wrapper: str) -> Build:
    """The state dict of a module in a wrapper of torch's."""

    def build(folder: Path) -> None:
        import torch

        wrap = torch.compile if wrapper == "compile" else torch.nn.DataParallel
        torch.save(wrap(net(folder)).state_dict(), folder / "weights.pt")

    return build


def other_head(folder: Path) -> None:
    """A state dict of five classes, where the factory builds three."""
    import torch

    weights = net(folder).state_dict()
    weights |= {"head.weight": torch.randn(5, 8), "head.bias": torch.randn(5)}
    torch.save(weights, folder / "weights.pt")


def safetensors(folder: Path) -> None:
    """The weights as safetensors."""
    import safetensors.torch

    safetensors.torch.save_file(net(folder).state_dict(), folder / "weights.safetensors")


def detector(folder: Path) -> None:
    """A checkpoint as Ultralytics writes it: modules in half precision, the average beside the last."""
    import torch

    from tests.pytorch import checkpoint_models

    model = checkpoint_models.detector()
    content = {"model": copy.deepcopy(model).half(), "ema": model.half(), "train_args": {"imgsz": 64}}
    torch.save(content, folder / "best.pt")
    images(folder, size=64)


def exported(form: str) -> Build:
    """A fixture of the project, as it ships."""

    def build(folder: Path) -> None:
        shutil.copy(DIGITS / form, folder / form)
        shutil.copy(DIGITS / "samples.npz", folder / "samples.npz")

    return build


def hugging_face(kind: str, samples: Build) -> Build:
    """A folder of `save_pretrained`, and samples."""

    def build(folder: Path) -> None:
        from tests.pytorch import folders

        getattr(folders, kind)(folder / kind)
        samples(folder)

    return build


def texts(folder: Path) -> None:
    """Lines of text."""
    from tests.pytorch.folders import WORDS

    draw = random()
    lines = [" ".join(draw.choice(WORDS, draw.integers(3, 12))) for _ in range(60)]
    (folder / "texts.txt").write_text("\n".join(lines))
    (folder / "texts.jsonl").write_text("\n".join(json.dumps({"text": line}) for line in lines))


def pictures(folder: Path) -> None:
    """A folder of PNG files."""
    from PIL import Image

    (folder / "images").mkdir()
    for number in range(48):
        pixels = random().integers(0, 256, (48, 4, 4, 3), np.uint8)[number].repeat(8, 0).repeat(8, 1)
        Image.fromarray(pixels).save(folder / "images" / f"{number:02d}.png")


def sounds(folder: Path) -> None:
    """Features of sound."""
    np.savez(folder / "samples.npz", input_features=random().standard_normal((48, 16, 60)).astype(np.float32))


@functools.cache
def keras_folder() -> Path:
    """Keras files, built once by Keras in a process of its own: it and torch do not share one."""
    from tests.stages.test_keras_to_savedmodel import BUILD

    folder = Path(tempfile.mkdtemp(prefix="sources-keras-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], check=True, capture_output=True)
    return folder


def keras(folder: Path) -> None:
    """Keras files, and samples."""
    shutil.copytree(keras_folder(), folder, dirs_exist_ok=True)
    np.savez(folder / "samples.npz", image=random().random((48, 8, 8, 3), np.float32))


def file(name: str, content: bytes = b"\x00\x01\x02\x03 something \xff") -> Build:
    """A file of these bytes."""
    return partial(write, name, content)


def write(name: str, content: bytes, folder: Path) -> None:
    """Write a file, below folders that may not be there."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def nothing(folder: Path) -> None:
    """An empty folder."""


def pipeline(folder: Path) -> None:
    """A diffusers pipeline of two models."""
    write("net/model_index.json", b"{}", folder)
    for part in ("text_encoder", "unet"):
        write(f"net/{part}/config.json", b'{"model_type": "bert"}', folder)
