"""The vectors of a kit as two files that any language reads: an index in JSON, and little-endian numbers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from convertkit.artifacts.signature import Array, Arrays
from convertkit.kits.subject import Subject
from convertkit.report.report import write_json, write_whole

INDEX = "vectors.json"
NUMBERS = "vectors.bin"


def write_vectors(subject: Subject, folder: Path) -> None:
    """Write both files.

    The index has for each call the inputs and outputs by name: `dtype`, `shape`, and the `offset` and
    `bytes` of its numbers; and `min_sqnr_db`, by which outputs have to agree.
    """
    numbers = bytearray()
    calls = [
        {"inputs": placed(each.inputs, numbers), "outputs": placed(each.outputs, numbers)}
        for each in subject.vectors
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_json({"min_sqnr_db": subject.min_sqnr_db, "vectors": calls}, folder / INDEX)
    write_whole(bytes(numbers), folder / NUMBERS)


def placed(arrays: Arrays, numbers: bytearray) -> dict[str, Any]:
    """Where each array's numbers stand, appended to those before."""
    found = {}
    for name, values in arrays.items():
        content = little_endian(values)
        found[name] = {
            "dtype": str(values.dtype),
            "shape": list(values.shape),
            "offset": len(numbers),
            "bytes": len(content),
        }
        numbers += content
        numbers += bytes(-len(numbers) % 8)
    return found


def little_endian(values: Array) -> bytes:
    """The numbers' bytes, whatever the machine."""
    return (values if sys.byteorder == "little" else values.byteswap()).tobytes()
