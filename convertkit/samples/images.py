"""A folder of image files as samples: decoded by a worker and normalised here, when a sample is taken."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array, TensorSpec
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import SamplesError
from convertkit.samples.pictures import Counted, Pictures
from convertkit.samples.rows import Indices
from convertkit.samples.samples import Samples
from convertkit.storage.store import Store

SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))
SPLITS = frozenset(
    ("train", "training", "val", "valid", "validation", "test", "eval", "calib", "calibration", "images")
)
MOST_NAMED = 8
IMAGE_SIZE = 224
CHANNELS = {"rgb": 3, "bgr": 3, "gray": 1}
BLOCK_BYTES = 1 << 20


def load_images(
    folder: Path, inputs: tuple[TensorSpec, ...], options: SampleOptions, store: Store | None = None
) -> Samples:
    """Every image file below a folder, sorted by name, as samples of the model's only input.

    Every file is looked at here, and decoded when its sample is taken; see `Pictures`, `normalised`.

    Args:
        store: keeps what was decoded.

    Raises:
        SamplesError: no image file, an unreadable one, or a model that takes something else than one image.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
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
    counted, sha256 = count(files)
    pictures = Pictures(counted, (height, width, channels), options, store)
    pictures.check()
    rows = ImageRows(pictures, len(files), spec, options, is_channels_first=is_channels_first)
    labels, notes, names = class_labels(folder, files) if options.class_folders else (None, (), ())
    arrays = {spec.name: rows}
    return Samples("images", sha256, arrays, labels, notes=notes, class_names=names)


def class_labels(folder: Path, files: list[Path]) -> tuple[Array | None, tuple[str, ...], tuple[str, ...]]:
    """Classes by subfolder, in alphabetical order, a note on them, their names; none where there are none.

    Every image has to lie in a subfolder, of which there are two or more, and none is called as a split is.

    Source of the order: torchvision's ImageFolder.
    """
    parts = [file.relative_to(folder).parts for file in files]
    names = sorted({each[0] for each in parts})
    if len(names) < 2 or any(len(each) < 2 for each in parts) or SPLITS & {name.lower() for name in names}:
        return None, (), ()
    listing = ", ".join(f"{number} {name}" for number, name in enumerate(names[:MOST_NAMED]))
    more = ", …" if len(names) > MOST_NAMED else ""
    note = f"labels are the subfolders of the images: {listing}{more} (sampling.class_folders=false: none)"
    return np.array([names.index(each[0]) for each in parts], np.int64), (note,), tuple(names)


def count(files: Sequence[Path]) -> tuple[Counted, str]:
    """The files with the SHA-256 of each, and that of all their content together."""
    each, all_of_them = [], hashlib.sha256()
    for file in files:
        own = hashlib.sha256()
        with file.open("rb") as content:
            while block := content.read(BLOCK_BYTES):
                own.update(block)
                all_of_them.update(block)
        each.append(own.hexdigest())
    return Counted(tuple(files), tuple(each)), all_of_them.hexdigest()


class ImageRows:
    """Images as rows of an input; a file is decoded when its row is first taken."""

    def __init__(
        self,
        pictures: Pictures,
        count: int,
        spec: TensorSpec,
        options: SampleOptions,
        *,
        is_channels_first: bool,
    ) -> None:
        self._pictures = pictures
        self._options = options
        self._is_channels_first = is_channels_first
        height, width, channels = pictures.shape
        row = (channels, height, width) if is_channels_first else pictures.shape
        self.shape = (count, *row)
        self.dtype = np.dtype(spec.dtype)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Indices, /) -> Array:
        pixels = self._pictures.rows(np.asarray(rows))
        result: Array = np.empty((len(pixels), *self.shape[1:]), self.dtype)
        for place, image in enumerate(pixels):
            values = normalised(image, self._options)
            result[place] = np.moveaxis(values, -1, 0) if self._is_channels_first else values
        return result


def normalised(pixels: Array, options: SampleOptions) -> Array:
    """Pixels 0..255 as 0..1, then `(value - mean) / std` for each channel, the last axis; float32."""
    values = pixels.astype(np.float32) / 255
    shifted = (values - np.asarray(options.mean, np.float32)) / np.asarray(options.std, np.float32)
    return shifted.astype(np.float32)


def image_size(spec: TensorSpec, channels: int) -> tuple[bool, int, int]:
    """Whether the channel axis is the first after the batch, and height and width in pixels."""
    for is_first, dims in ((True, spec.shape[1:]), (False, (spec.shape[3], *spec.shape[1:3]))):
        if dims[0] == channels and isinstance(dims[1], int) and isinstance(dims[2], int):
            return is_first, dims[1], dims[2]
    raise SamplesError(
        f"input {spec.describe()} is no image of {channels} channels with a fixed height and width",
        hint=color_hint(spec, channels),
    )


def color_hint(spec: TensorSpec, channels: int) -> str:
    """What makes the images fit the input: the other number of channels, or a size."""
    other = 1 if channels != 1 else 3
    if other in (spec.shape[1], spec.shape[3]):
        color = "gray" if other == 1 else "rgb"
        return f"the model takes {color} images: --set sampling.color={color}"
    places = (1, 2, 3) if spec.shape[1] == channels else (3, 1, 2)
    sized = list(spec.shape)
    for place in places[1:]:
        sized[place] = sized[place] if isinstance(sized[place], int) else IMAGE_SIZE
    if channels in (spec.shape[1], spec.shape[3]):
        return f"fix its size: --input '{msgspec.structs.replace(spec, shape=tuple(sized)).describe()}'"
    return "use an .npz of what the model takes"
