"""How much of an artifact is weights, and what it is compressed. Imports frameworks when it is asked."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Iterator
from pathlib import Path

from convertkit.artifacts.files import sidecar
from convertkit.artifacts.formats import Format

MOST_COMPRESSED = 128 << 20  # bytes; larger artifacts would take longer to compress than to convert
BLOCK = 1 << 20


def weights_bytes(path: Path, kind: Format) -> int | None:
    """Bytes of all constants and variables, in their own types; None where nobody tells.

    Of a SavedModel these are the variables alone: constants stand in the graph.
    """
    if kind is Format.TFLITE:
        return int(importlib.import_module("convertkit.graphs.tflite_file").constant_bytes(path.read_bytes()))
    if kind is Format.ONNX:
        return int(importlib.import_module("convertkit.graphs.onnx_weights").initializer_bytes(path))
    if kind is Format.SAVEDMODEL:
        return sum(file.stat().st_size for file in path.glob("variables/variables.data-*"))
    return None


def compressed_bytes(path: Path) -> int | None:
    """Bytes of an artifact as a download has them (DEFLATE); None where it is too large to try."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    files += [sidecar(path)] if sidecar(path).exists() else []
    if sum(file.stat().st_size for file in files) > MOST_COMPRESSED:
        return None
    packer, total = zlib.compressobj(), 0
    for block in blocks_of(files):
        total += len(packer.compress(block))
    return total + len(packer.flush())


def blocks_of(files: list[Path]) -> Iterator[bytes]:
    """The content of files, one after the other."""
    for file in files:
        with file.open("rb") as opened:
            while block := opened.read(BLOCK):
                yield block
