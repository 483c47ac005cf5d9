"""Image files as pixels of one size. Runs in a worker: their readers are C code that takes what comes."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from convertkit.artifacts.signature import Array
from convertkit.artifacts.tensors import write_npz
from convertkit.causes import first_line
from convertkit.errors import SamplesError
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
    for file in counted(job):
        opened(file).close()
    return Seen()


@perform.register
def decode(job: DecodeJob) -> answers.Answer:
    """Write the pixels of every file.

    Raises:
        SamplesError: one cannot be decoded.
    """
    pixels = [read_pixels(file, job) for file in counted(job)]
    write_npz(job.out, {PIXELS: np.stack(pixels)})
    return Seen()


class Counted(NamedTuple):
    """A file, what it is called, and the SHA-256 that it had when it was counted as a sample."""

    path: str
    name: str
    sha256: str


def counted(job: LookJob | DecodeJob) -> list[Counted]:
    """The files of a job."""
    return list(map(Counted, job.files, job.names, job.sha256))


def opened(file: Counted) -> Image.Image:
    """The image in a file, its header read and its pixels not.

    Raises:
        SamplesError: it is no image, a far too large one, or another than when it was counted.
    """
    content = Path(file.path).read_bytes()
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise SamplesError(f"{file.name} was changed while it was read", hint="run it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError:
        raise unusable(file.name, f"it is none of {', '.join(FORMATS)}, or damaged") from None
    except UNUSABLE as error:
        raise unusable(file.name, first_line(error)) from None


def unusable(name: str, reason: str) -> SamplesError:
    """The error of a file that cannot be read as an image."""
    return SamplesError(f"{name} is not a usable image: {reason}")


def read_pixels(file: Counted, job: DecodeJob) -> Array:
    """One image, uint8 [height, width, channels], resized and cropped (`SampleOptions.resize`, `crop`).

    Raises:
        SamplesError: the file cannot be decoded.
    """
    image = opened(file)
    try:
        image = image.convert("L" if job.color == "gray" else "RGB")
    except UNUSABLE as error:
        raise unusable(file.name, first_line(error)) from None
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
