"""What `make kits` bundles: the fixtures, digits with whole pixels, and zoo models of odd signatures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ("digits", "mlp", "transformer", "two_inputs")
FOLDED = "folded"  # digits as whole pixels, their normalisation in the artifacts
ZOO = {
    "conv1d": "signals",
    "conv3d": "volumes",
    "unet": "images of free height and width, images back",
    "yolo": "boxes and scores of free height and width",
    "detr": "several boxes an image",
    "distilbert": "words and their mask, whole numbers of free length",
}
BOTH, FLOAT = ("tflite:float32", "tflite:int8"), ("tflite:float32",)
IMAGES = (
    "sampling.color=gray",
    "sampling.mean=[0.5]",
    "sampling.std=[0.5]",
)  # of digits: what code is made for
SAMPLES = 64


class Subject(NamedTuple):
    """A model and what it is converted by."""

    model: Path
    samples: Path
    targets: Sequence[str]
    settings: Sequence[str] = ()


def subject(name: str, work: Path) -> Subject:
    """The model of a name; what has to be made of it first comes into a folder."""
    if name in ZOO:
        return of_zoo(name, work)
    folder = ROOT / "fixtures" / ("digits" if name == FOLDED else name)
    samples = whole_pixels(folder / "samples.npz", work) if name == FOLDED else folder / "samples.npz"
    return Subject(folder / "model.pt2", samples, BOTH, IMAGES if name in ("digits", FOLDED) else ())


def whole_pixels(samples: Path, work: Path) -> Path:
    """Digits whose pixels are whole numbers before normalisation."""
    arrays = dict(np.load(samples))
    pixels = np.rint((arrays.pop("image") / 2 + 0.5) * 255)
    np.savez(work / "samples.npz", image=((pixels / 255 - 0.5) / 0.5).astype(np.float32), **arrays)
    return work / "samples.npz"


def of_zoo(name: str, work: Path) -> Subject:
    """A model of the zoo as an exported program, its axes free."""
    import torch

    from benchmarks.zoo_export import free_axes
    from benchmarks.zoo_models import MODELS, made

    entry, model = MODELS[name], made(name)
    torch.manual_seed(2)
    inputs = entry.inputs(batch=SAMPLES)
    few = tuple(each[:2] for each in inputs)
    with torch.no_grad():
        program = torch.export.export(model, few, dynamic_shapes=free_axes(entry, few))
    torch.export.save(program, work / "model.pt2")
    arrays = {f"arr_{place}": each.numpy() for place, each in enumerate(inputs)}
    np.savez(work / "samples.npz", **arrays)
    return Subject(work / "model.pt2", work / "samples.npz", FLOAT)
