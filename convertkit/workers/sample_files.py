"""What a worker is asked and answers about files of samples."""

from __future__ import annotations

from typing import Literal

from convertkit.workers.message import Message


class LookJob(Message, frozen=True, tag="look"):
    """Read the headers of image files: whether each is an image, and none is far too large.

    Attributes:
        files: images.
        names: what they are called in errors.
        sha256: of each, so that no other content is looked at than what was taken for a sample.
    """

    files: tuple[str, ...]
    names: tuple[str, ...]
    sha256: tuple[str, ...]


class InflateJob(Message, frozen=True, tag="inflate"):
    """Write what an archive has compressed as it is.

    Attributes:
        path: an `.npz`.
        sha256: its own, as of `LookJob`.
        out: `.npz` to write, nothing in it compressed.
    """

    path: str
    sha256: str
    out: str


class Seen(Message, frozen=True, tag="seen"):
    """All files are images, as far as their headers tell, or what was asked for stands at `out`."""


class DecodeJob(Message, frozen=True, tag="decode"):
    """Read image files as pixels of one size; the last fields are those of `sampling`.

    Attributes:
        files, names, sha256: as of `LookJob`.
        out: `.npz` to write: `pixels`, uint8 [files, height, width, channels].
    """

    files: tuple[str, ...]
    names: tuple[str, ...]
    sha256: tuple[str, ...]
    out: str
    height: int
    width: int
    color: Literal["rgb", "bgr", "gray"]
    crop: str
    resize: int | None
    interpolation: str


PIXELS = "pixels"
"""Name of the array that a decoding worker writes."""
