"""What a run leaves, besides its report, for those who ship it: recipe, vectors, preprocessing, labels."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from convertkit.artifacts.pixels import Fold, Pixels
from convertkit.artifacts.signature import Arrays, Signature
from convertkit.artifacts.tensors import write_npz
from convertkit.config.run_settings import SampleOptions
from convertkit.recipe import Recipe
from convertkit.report.report import write_json, write_whole

VECTORS = "vectors"
INPUTS = "inputs.npz"
SOURCE = "source.npz"
RECIPE_FILE = "recipe.yaml"
PREPROCESSING_FILE = "preprocessing.json"
LABELS_FILE = "labels.txt"
MOST_VECTORS = 4


class Preprocessing(msgspec.Struct, frozen=True, kw_only=True):
    """How an image file becomes the model's input: resized, cropped, scaled to 0..1, then normalised.

    Attributes:
        input: its name.
        resize: length of the shorter side before the crop, pixels; None: what just covers the input.
        crop: `center`, or `none`, which stretches the whole image over the input.
        mean, std: per colour channel, in units of 0..1: `(value / 255 - mean) / std`. Where it was folded
            into the artifacts, those that leave what these take: 0 to 255, or 0 to 1.
        color: order of the colour channels.
        folded: the normalisation that the artifacts do themselves, after resize and crop; null: they do none.
    """

    input: str
    resize: int | None
    crop: str
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    color: str
    folded: Pixels | None = None


def preprocessing_of(
    signature: Signature, options: SampleOptions, fold: Fold | None = None, *, are_images: bool
) -> Preprocessing | None:
    """What the options say of images; None where the samples were none, and nothing was said of any.

    Args:
        fold: the normalisation that is in the artifacts.
    """
    own = ("input", "folded")
    taken = {name: getattr(options, name) for name in Preprocessing.__struct_fields__ if name not in own}
    if fold is not None:
        left: dict[str, Any] = {"mean": (0.0,), "std": (1 / fold.pixels.white,)}
        if signature.input(fold.input).logical_shape[fold.channel_axis] == 1:
            left["color"] = "gray"
        return Preprocessing(input=fold.input, folded=fold.pixels, **{**taken, **left})
    is_said = any(value != getattr(SampleOptions(), name) for name, value in taken.items())
    images = [spec for spec in signature.inputs if len(spec.shape) == 4 and not spec.is_bound]
    if len(images) != 1 or not (are_images or is_said):
        return None
    return Preprocessing(input=images[0].name, **taken)


def write_shipping(
    folder: Path,
    recipe: Recipe,
    inputs: Arrays,
    outputs: Arrays,
    preprocessing: Preprocessing | None,
    labels: Sequence[str],
) -> None:
    """Write all of it into a run's folder; what an earlier run left and this one has not is removed.

    Args:
        inputs, outputs: of the source, logical, first axis = sample; samples that calibrated nothing.
        labels: names of the classes, in their order.
    """
    remove_shipping(folder)
    (folder / VECTORS).mkdir(exist_ok=True)
    write_npz(folder / VECTORS / INPUTS, inputs)
    write_npz(folder / VECTORS / SOURCE, outputs)
    write_whole(recipe_text(recipe).encode(), folder / RECIPE_FILE)
    if preprocessing is not None:
        write_json(preprocessing, folder / PREPROCESSING_FILE)
    if labels:
        write_whole("".join(f"{label}\n" for label in labels).encode(), folder / LABELS_FILE)


def remove_shipping(folder: Path) -> None:
    """Remove what an earlier run left for those who ship it; other files of the folder stay."""
    for name in (f"{VECTORS}/{INPUTS}", f"{VECTORS}/{SOURCE}", RECIPE_FILE, PREPROCESSING_FILE, LABELS_FILE):
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # there is none, or it holds something else
        (folder / VECTORS).rmdir()


def recipe_text(recipe: Recipe) -> str:
    """The recipe as YAML: what differs from the defaults, and files by their names alone."""
    plain = changed(msgspec.to_builtins(recipe), msgspec.to_builtins(Recipe()))
    sampling = plain.get("sampling", {})
    for holder, key in ((plain, "samples"), (plain, "factory"), (sampling, "calibration_samples")):
        if isinstance(holder.get(key), str):
            holder[key] = Path(holder[key]).name
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def changed(value: dict[str, Any], default: dict[str, Any]) -> dict[str, Any]:
    """The keys whose values are not the default's, to the depth of mappings that both have."""
    found: dict[str, Any] = {}
    for key, each in value.items():
        known = default.get(key)
        if isinstance(each, dict) and isinstance(known, dict) and known:
            inner = changed(each, known)
            if inner:
                found[key] = inner
        elif key not in default or each != known:
            found[key] = each
    return found


def read_labels(path: Path) -> tuple[str, ...]:
    """One label a line; empty lines at the end are none.

    Raises:
        OSError, ValueError: it cannot be read, or is not UTF-8.
    """
    return tuple(path.read_text(encoding="utf-8").rstrip("\r\n").splitlines())
