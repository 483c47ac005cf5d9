"""A .tflite file: a flatbuffer with the identifier TFL3."""

from __future__ import annotations

import struct

from convertkit.errors import ModelFileError
from convertkit.sources.source import Findings, Kind

IDENTIFIER = b"TFL3"


def looks_like(head: bytes) -> bool:
    """True where the identifier is in its place."""
    return head[4:8] == IDENTIFIER


def read(head: bytes, size: int) -> Findings:
    """Findings on a TFLite file.

    Raises:
        ModelFileError: its root table, or that table's list of fields, lies outside the file.
    """
    root = struct.unpack("<I", head[:4])[0]
    if not 8 <= root <= size - 4:
        raise ModelFileError("a truncated TFLite file")
    return Findings(Kind.TFLITE)
