"""Metadata put into a `.tflite`, no byte of which changes: a new head before the file, a zip behind it.

Offsets of a flatbuffer lead forward only. The new root, and the new lists of buffers and of metadata, stand
before the old file and lead into it, and nothing of it moves against its alignment.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

from convertkit.errors import ModelFileError
from convertkit.kits.metadata import LABELS, TensorNote, metadata
from convertkit.kits.subject import Subject, Tensor
from convertkit.report.report import write_whole
from convertkit.sources.flatbuffer import Table, follow, root

NAME = b"TFLITE_METADATA"
IDENTIFIER = b"TFL3"
EPOCH = (1980, 1, 1, 0, 0, 0)
SLOT = 4  # bytes of an offset, and of a field that is a number
ALIGNMENT = 64  # of the old file within the new one
FAR = 1 << 30
DATA_ALIGNMENT = 16  # of a buffer, as the schema has it
FIELDS = 8  # of the table Model: version, then seven that lead elsewhere
BUFFERS, METADATA, SIGNATURES = 4, 6, 7


def annotate(subject: Subject, file: Path) -> None:
    """Write names, labels and normalisation into a `.tflite` of the subject.

    Raises:
        ModelFileError: it is no file that can take them.
    """
    content = file.read_bytes()
    inputs, outputs = notes(subject, root(memoryview(content)))
    head = head_before(content, metadata(subject.name, inputs, outputs))
    write_whole(head + content + (label_zip(subject.labels) if subject.labels else b""), file)


def notes(subject: Subject, model: Table) -> tuple[list[TensorNote], list[TensorNote]]:
    """What is said of inputs and outputs, in the order of the graph that the file's signature names."""
    signature = next(model.tables(SIGNATURES), None)
    if signature is None:
        raise ModelFileError("a .tflite without a signature has no names to put metadata under")
    graph = list(model.tables(2))[signature.integer(4, 4)]
    found = []
    for field, tensors in ((0, subject.inputs), (1, subject.outputs)):
        keys = {entry.integer(1, 4): text(entry) for entry in signature.tables(field)}
        named = {each.key: each for each in tensors}
        order = [named[keys[place]] for place in graph.integers(field + 1) if keys.get(place) in named]
        found.append([noted(each, subject) for each in order])
    return found[0], found[1]


def text(entry: Table) -> str:
    """The name of an entry of a signature."""
    start, size = entry.vector(0, 1)
    return bytes(entry.content[start : start + size]).decode(errors="replace")


def noted(tensor: Tensor, subject: Subject) -> TensorNote:
    """What is said of one tensor."""
    described = f"{tensor.real} [{', '.join(map(str, tensor.axes))}]"
    images = subject.preprocessing
    labels = tensor.name == subject.labelled
    if images is None or tensor.name != images.input:
        return TensorNote(name=tensor.name, description=described, has_labels=labels)
    return TensorNote(
        name=tensor.name, description=described, color=images.color, mean=images.mean, std=images.std
    )


def head_before(content: bytes, said: bytes) -> bytes:
    """What stands before the old file: a root with one buffer and one entry of metadata more.

    Raises:
        ModelFileError: its weights lie behind the flatbuffer, or it has metadata of this name already.
    """
    model = root(memoryview(content))
    if any(buffer.integer(1, 8) > 1 for buffer in model.tables(BUFFERS)):
        raise ModelFileError("a .tflite whose weights lie behind the flatbuffer takes no metadata")
    if any(text(entry).encode() == NAME for entry in model.tables(METADATA)):
        raise ModelFileError("the .tflite has TFLite Metadata already")
    size = len(new_head(model, said, FAR))  # as long wherever the old file begins
    return bytes(new_head(model, said, size))


def new_head(model: Table, said: bytes, size: int) -> bytearray:
    """A root that leads into an old file, which begins at `size`."""
    kept = {field: model.place(field) for field in range(1, FIELDS) if field not in (BUFFERS, METADATA)}
    fields = [0, BUFFERS, METADATA, *(field for field, place in kept.items() if place)]
    out = bytearray(struct.pack("<I4s", 0, IDENTIFIER))
    start = empty_table(out, FIELDS, fields)
    struct.pack_into("<I", out, 0, start)
    struct.pack_into("<I", out, start + SLOT, model.integer(0, SLOT))
    for field, place in kept.items():
        if place:
            lead(out, start + SLOT * (field + 1), size + follow(model.content, place))
    for field, last in ((BUFFERS, buffer), (METADATA, entry)):
        old = [each.start for each in model.tables(field)]
        first = longer_vector(out, [size + each for each in old])
        lead(out, start + SLOT * (field + 1), first)
        number = len(list(model.tables(BUFFERS)))  # of the new buffer
        lead(out, first + SLOT * (len(old) + 1), last(out, said, number))
    return filled(out, ALIGNMENT)


def buffer(out: bytearray, said: bytes, number: int) -> int:
    """Append a table Buffer that holds the metadata; where it stands."""
    start = empty_table(out, 1, [0])
    filled(out, DATA_ALIGNMENT, SLOT)
    lead(out, start + SLOT, len(out))
    out += struct.pack("<I", len(said)) + said
    return start


def entry(out: bytearray, said: bytes, number: int) -> int:
    """Append a table Metadata that names the new buffer; where it stands."""
    start = empty_table(out, 2, [0, 1])
    struct.pack_into("<I", out, start + 2 * SLOT, number)
    lead(out, start + SLOT, len(out))
    out += struct.pack("<I", len(NAME)) + NAME + b"\0"
    return start


def empty_table(out: bytearray, count: int, fields: Sequence[int]) -> int:
    """Append a table with room for some of its fields, four bytes each; where it stands."""
    vtable = len(filled(out, SLOT))
    slots = [SLOT * (field + 1) if field in fields else 0 for field in range(count)]
    out += struct.pack(f"<HH{count}H", 4 + 2 * count, SLOT * (count + 1), *slots)
    start = len(filled(out, SLOT))
    out += struct.pack("<i", start - vtable) + bytes(SLOT * count)
    return start


def longer_vector(out: bytearray, tables: Sequence[int]) -> int:
    """Append a vector that leads to tables further on, and has room for one more; where it stands."""
    start = len(filled(out, SLOT))
    out += struct.pack("<I", len(tables) + 1) + bytes(SLOT * (len(tables) + 1))
    for number, where in enumerate(tables):
        lead(out, start + SLOT * (number + 1), where)
    return start


def lead(out: bytearray, place: int, where: int) -> None:
    """Have a place lead to another further on."""
    struct.pack_into("<I", out, place, where - place)


def filled(out: bytearray, alignment: int, ahead: int = 0) -> bytearray:
    """Fill up so that what comes so many bytes ahead is aligned."""
    out += bytes(-(len(out) + ahead) % alignment)
    return out


def label_zip(labels: Sequence[str]) -> bytes:
    """The labels as a zip, which is read from its end; the same labels give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(LABELS, EPOCH), "".join(f"{label}\n" for label in labels))
    return stream.getvalue()
