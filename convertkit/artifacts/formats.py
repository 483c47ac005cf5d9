"""Formats, precisions, and variants: what an artifact can be."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Format(StrEnum):
    """A file format that a runtime can load."""

    TORCH = "torch"
    ONNX = "onnx"
    SAVEDMODEL = "savedmodel"
    TFLITE = "tflite"
    KERAS = "keras"


class Precision(StrEnum):
    """How weights and activations are stored and computed."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8_DYNAMIC = "int8-dynamic"
    INT8 = "int8"
    INT16X8 = "int16x8"

    @property
    def is_integer(self) -> bool:
        """True where weights are integers, so that integer tolerances apply."""
        return self not in (Precision.FLOAT32, Precision.FLOAT16)

    @property
    def needs_calibration(self) -> bool:
        """True where activation ranges have to be measured on real samples."""
        return self in (Precision.INT8, Precision.INT16X8)


SUFFIXES = {
    Format.TORCH: ".pt",
    Format.ONNX: ".onnx",
    Format.SAVEDMODEL: ".savedmodel",
    Format.TFLITE: ".tflite",
    Format.KERAS: ".keras",
}


class Variant(msgspec.Struct, frozen=True, order=True):
    """A node of the map: a format at a precision, written `format:precision`."""

    format: Format
    precision: Precision = Precision.FLOAT32

    def __str__(self) -> str:
        return f"{self.format}:{self.precision}"

    def file_name(self, stem: str) -> str:
        """`<stem>[.<precision>].<suffix>`; float32 has no precision part."""
        part = "" if self.precision is Precision.FLOAT32 else f".{self.precision}"
        return f"{stem}{part}{SUFFIXES[self.format]}"
