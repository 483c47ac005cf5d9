"""A folder of image files as samples: resized, cropped, scaled, normalised as the options say."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from convertkit.errors import SamplesError
from convertkit.options import SampleOptions
from convertkit.samples import Samples
from convertkit.signature import Array, TensorSpec

SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))
CHANNELS = {"rgb": 3, "bgr": 3, "gray": 1}


def load_images(folder: Path, inputs: tuple[TensorSpec, ...], options: SampleOptions) -> Samples:
    """Every image file below a folder, sorted by name, as samples of the model's only input.

    The shorter side is resized to fit, the middle cropped out; values 0..255 become 0..1, then
    `(value - mean) / std` for each channel.

    Raises:
        SamplesError: no image file, an unreadable one, or a model that takes something else than one image.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise SamplesError(f"{folder} holds no image file", hint=f"known: {' '.join(sorted(SUFFIXES))}")
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise SamplesError(
            "a folder of images needs a model with exactly one image input", hint="use an .npz"
        )
    spec = inputs[0]
    channels = CHANNELS[options.color]
    for key, values in (("mean", options.mean), ("std", options.std)):
        if len(values) not in (1, channels):
            raise SamplesError(f"sampling.{key} has {len(values)} values for {channels} channels")
    is_channels_first, height, width = image_size(spec, channels)
    digest = hashlib.sha256()
    arrays = []
    for file in files:
        digest.update(file.read_bytes())
        pixels = read_pixels(file, height, width, options)
        arrays.append(np.moveaxis(pixels, -1, 0) if is_channels_first else pixels)
    return Samples("images", digest.hexdigest(), {spec.name: np.stack(arrays).astype(spec.dtype)})


def image_size(spec: TensorSpec, channels: int) -> tuple[bool, int, int]:
    """Whether the channel axis is the first after the batch, and height and width in pixels."""
    for is_first, dims in ((True, spec.shape[1:]), (False, (spec.shape[3], *spec.shape[1:3]))):
        if dims[0] == channels and isinstance(dims[1], int) and isinstance(dims[2], int):
            return is_first, dims[1], dims[2]
    raise SamplesError(
        f"input {spec.describe()} is no image of {channels} channels with a fixed height and width",
        hint="give --input, or sampling.color in a recipe",
    )


def read_pixels(file: Path, height: int, width: int, options: SampleOptions) -> Array:
    """One image, float32 [height, width, channels]."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(file).convert("L" if options.color == "gray" else "RGB")
    except (
        UnidentifiedImageError,
        OSError,
        Image.DecompressionBombWarning,
        Image.DecompressionBombError,
    ) as e:
        raise SamplesError(f"{file} is not a usable image: {e}") from None
    factor = max(height / image.height, width / image.width)
    scaled = (max(width, round(image.width * factor)), max(height, round(image.height * factor)))
    image = image.resize(scaled, Image.Resampling.BILINEAR)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    pixels = np.asarray(image.crop((left, top, left + width, top + height)), np.float32) / 255
    pixels = pixels.reshape(height, width, -1)
    if options.color == "bgr":
        pixels = pixels[:, :, ::-1]
    normalised = (pixels - np.asarray(options.mean, np.float32)) / np.asarray(options.std, np.float32)
    return normalised.astype(np.float32)
