"""A folder of image files as samples: resized, cropped, scaled and normalised when a sample is taken."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image, UnidentifiedImageError

from convertkit.artifacts.signature import Array, TensorSpec
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import SamplesError
from convertkit.samples.rows import Indices
from convertkit.samples.samples import Samples

SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # no other reader is tried, whatever the name
LARGEST_SCALED_PIXELS = 1 << 28
SPLITS = frozenset(
    ("train", "training", "val", "valid", "validation", "test", "eval", "calib", "calibration", "images")
)
MOST_NAMED = 8
IMAGE_SIZE = 224
CHANNELS = {"rgb": 3, "bgr": 3, "gray": 1}
INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def load_images(folder: Path, inputs: tuple[TensorSpec, ...], options: SampleOptions) -> Samples:
    """Every image file below a folder, sorted by name, as samples of the model's only input.

    Every file is opened here, and read when its sample is taken; see `read_pixels`.

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
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
        opened(file).close()
    rows = ImageRows(files, spec, (height, width), options, is_channels_first=is_channels_first)
    labels, notes, names = class_labels(folder, files) if options.class_folders else (None, (), ())
    arrays = {spec.name: rows}
    return Samples("images", digest.hexdigest(), arrays, labels, notes=notes, class_names=names)


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


class ImageRows:
    """Images as rows of an input; a file is decoded when its row is taken."""

    def __init__(
        self,
        files: list[Path],
        spec: TensorSpec,
        size: tuple[int, int],
        options: SampleOptions,
        *,
        is_channels_first: bool,
    ) -> None:
        self._files = files
        self._size = size
        self._options = options
        self._is_channels_first = is_channels_first
        channels = CHANNELS[options.color]
        self.shape = (len(files), channels, *size) if is_channels_first else (len(files), *size, channels)
        self.dtype = np.dtype(spec.dtype)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, rows: Indices, /) -> Array:
        numbers = np.asarray(rows)
        result: Array = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        for place, number in enumerate(numbers):
            pixels = read_pixels(self._files[number], *self._size, self._options)
            result[place] = np.moveaxis(pixels, -1, 0) if self._is_channels_first else pixels
        return result


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


def opened(file: Path) -> Image.Image:
    """The image in a file, its header read and its pixels not.

    Raises:
        SamplesError: it is no image, or a far too large one.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(file, formats=FORMATS)
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombWarning,
        Image.DecompressionBombError,
    ) as error:
        raise SamplesError(f"{file} is not a usable image: {error}") from None


def fitted(image: Image.Image, height: int, width: int, options: SampleOptions) -> Image.Image:
    """The image at the input's size: its middle, or all of it stretched."""
    method = INTERPOLATIONS[options.interpolation]
    if options.crop == "none":
        return image.resize((width, height), method)
    factor = max(height / image.height, width / image.width)
    if options.resize is not None:
        factor = max(factor, options.resize / min(image.size))
    scaled = (max(width, round(image.width * factor)), max(height, round(image.height * factor)))
    if scaled[0] * scaled[1] > LARGEST_SCALED_PIXELS:
        raise SamplesError(
            f"an image of {image.width}×{image.height} pixels would become one of {scaled[0]}×{scaled[1]}",
            hint="leave out images that are far longer than wide, or set sampling.crop=none",
        )
    image = image.resize(scaled, method)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def read_pixels(file: Path, height: int, width: int, options: SampleOptions) -> Array:
    """One image, float32 [height, width, channels].

    It is resized and cropped to the input's size (`SampleOptions.resize`, `crop`), values 0..255 become
    0..1, then `(value - mean) / std` for each channel.

    Raises:
        SamplesError: the file cannot be decoded.
    """
    image = opened(file)
    try:
        image = image.convert("L" if options.color == "gray" else "RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise SamplesError(f"{file} is not a usable image: {error}") from None
    pixels = np.asarray(fitted(image, height, width, options), np.float32) / 255
    pixels = pixels.reshape(height, width, -1)
    if options.color == "bgr":
        pixels = pixels[:, :, ::-1]
    normalised = (pixels - np.asarray(options.mean, np.float32)) / np.asarray(options.std, np.float32)
    return normalised.astype(np.float32)
