"""Builders of the forms of data, all from the same 32 samples; PyTorch and pandas are imported late."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SAMPLES = 32
CLASSES = 3
IMAGES = np.random.default_rng(0).standard_normal((SAMPLES, 3, 8, 8)).astype(np.float32)
LABELS = (np.arange(SAMPLES) % CLASSES).astype(np.int64)
FIRST, SECOND = (IMAGES[:, place, 0, :4].copy() for place in (0, 1))
PICTURE = np.clip(IMAGES.transpose(0, 2, 3, 1) * 60 + 128, 0, 255).astype(np.uint8)
ANIMALS = ("cat", "dog", "eel")


def torch() -> Any:
    """PyTorch, imported when a row needs it."""
    import torch

    return torch


def dataset(*arrays: Any) -> Any:
    """A TensorDataset."""
    return torch().utils.data.TensorDataset(*map(torch().from_numpy, arrays))


def loader(*arrays: Any, **options: Any) -> Any:
    """A DataLoader over a TensorDataset."""
    return torch().utils.data.DataLoader(dataset(*arrays), **options)


def npz(folder: Path, **arrays: Any) -> Any:
    """An open `.npz`."""
    np.savez(folder / "samples.npz", **arrays)
    return np.load(folder / "samples.npz")


def npz_path(folder: Path, **arrays: Any) -> Path:
    """The path of an `.npz`."""
    npz(folder, **arrays)
    return folder / "samples.npz"


def npy_path(folder: Path) -> Path:
    """The path of an `.npy`."""
    np.save(folder / "samples.npy", IMAGES)
    return folder / "samples.npy"


def saved(folder: Path, content: Any) -> Path:
    """The path of a `.pt`."""
    torch().save(content, folder / "samples.pt")
    return folder / "samples.pt"


def pictures(folder: Path, name: Callable[[int], str]) -> Path:
    """The path of a folder of images."""
    for number, picture in enumerate(PICTURE):
        file = folder / name(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(file)
    return folder


def table(**columns: Any) -> Any:
    """A data frame."""
    import pandas

    return pandas.DataFrame(columns)


def pairs() -> list[tuple[Any, int]]:
    """(image, class) of every sample."""
    return list(zip(IMAGES, LABELS.tolist(), strict=True))


def representative() -> Iterator[list[Any]]:
    """As TensorFlow Lite's `representative_dataset`: the inputs of one call."""
    for image in IMAGES:
        yield [image[np.newaxis]]


def forever() -> Iterator[Any]:
    """An endless generator of batches."""
    yield from itertools.repeat((IMAGES, LABELS))
