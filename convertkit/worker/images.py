"""Image files as pixels of one size. Runs in a worker: their readers are C code that takes what comes."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from convertkit.artifacts.signature import Array
from convertkit.artifacts.tensors import write_npz
from convertkit.errors import SamplesError, first_line
from convertkit.worker.perform import perform
from convertkit.workers import answers
from convertkit.workers.sample_files import PIXELS, DecodeJob, LookJob, Seen

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # no other reader is tried, whatever the name
LARGEST_SCALED_PIXELS = 1 << 28
INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
UNUSABLE = (
    OSError,
    ValueError,
    SyntaxError,
    Image.DecompressionBombWarning,
    Image.DecompressionBombError,
)


@perform.register
def look(job: LookJob) -> answers.Answer:
    """Open every file, its header read and its pixels not.

    Raises:
        SamplesError: one is no image, or a far too large one.
    """
    for file, sha256 in zip(job.files, job.sha256, strict=True):
        opened(file, sha256).close()
    return Seen()


@perform.register
def decode(job: DecodeJob) -> answers.Answer:
    """Write the pixels of every file.

    Raises:
        SamplesError: one cannot be decoded.
    """
    pixels = [read_pixels(file, sha256, job) for file, sha256 in zip(job.files, job.sha256, strict=True)]
    write_npz(job.out, {PIXELS: np.stack(pixels)})
    return Seen()


def opened(file: str, sha256: str) -> Image.Image:
    """The image in a file, its header read and its pixels not.

    Raises:
        SamplesError: it is no image, a far too large one, or another than when it was counted.
    """
    content = Path(file).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SamplesError(f"{file} was changed while it was read", hint="run it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError:
        raise unusable(file, f"it is none of {', '.join(FORMATS)}, or damaged") from None
    except UNUSABLE as error:
        raise unusable(file, first_line(error)) from None


def unusable(file: str, reason: str) -> SamplesError:
    """The error of a file that cannot be read as an image."""
    return SamplesError(f"{file} is not a usable image: {reason}")


def read_pixels(file: str, sha256: str, job: DecodeJob) -> Array:
    """One image, uint8 [height, width, channels], resized and cropped (`SampleOptions.resize`, `crop`).

    Raises:
        SamplesError: the file cannot be decoded.
    """
    image = opened(file, sha256)
    try:
        image = image.convert("L" if job.color == "gray" else "RGB")
    except UNUSABLE as error:
        raise unusable(file, first_line(error)) from None
    pixels = np.asarray(fitted(image, job), np.uint8).reshape(job.height, job.width, -1)
    return pixels[:, :, ::-1] if job.color == "bgr" else pixels


def fitted(image: Image.Image, job: DecodeJob) -> Image.Image:
    """The image at the input's size: its middle, or all of it stretched."""
    height, width, method = job.height, job.width, INTERPOLATIONS[job.interpolation]
    if job.crop == "none":
        return image.resize((width, height), method)
    factor = max(height / image.height, width / image.width)
    if job.resize is not None:
        factor = max(factor, job.resize / min(image.size))
    scaled = (max(width, round(image.width * factor)), max(height, round(image.height * factor)))
    if scaled[0] * scaled[1] > LARGEST_SCALED_PIXELS:
        raise SamplesError(
            f"an image of {image.width}×{image.height} pixels would become one of {scaled[0]}×{scaled[1]}",
            hint="leave out images that are far longer than wide, or set sampling.crop=none",
        )
    image = image.resize(scaled, method)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
