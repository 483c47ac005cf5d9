"""TFLite Metadata: names, labels and normalisation where TFLite's own tools look for them. Knows no kit.

Source of fields and numbers: metadata_schema.fbs of TensorFlow Lite Support and MediaPipe, identifier M001.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import flatbuffers
import msgspec
import numpy as np

IDENTIFIER = b"M001"
LABELS = "labels.txt"
PARSER = "1.0.0"  # the first version that reads all that is written here
FEATURES, IMAGE = 1, 2  # of the union ContentProperties
NORMALIZATION = 1  # of the union ProcessUnitOptions
AXIS_LABELS = 2  # of the enumeration AssociatedFileType
COLOR_SPACES = {"rgb": 1, "gray": 2}  # of the enumeration ColorSpaceType; it has no bgr: unknown, 0
LARGEST_PIXEL = 255
Slot = Callable[[flatbuffers.Builder, int], None]
"""What puts one field of a table that is being written into its place."""


class TensorNote(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of one input or output.

    Attributes:
        color: of an image; empty for what is none.
        mean, std: of an image's normalisation, in units of 0..1.
        has_labels: its last axis is the classes.
    """

    name: str
    description: str
    color: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    has_labels: bool = False


def metadata(name: str, inputs: Sequence[TensorNote], outputs: Sequence[TensorNote]) -> bytes:
    """A `ModelMetadata`, whose tensors are in the order of the file's own graph."""
    builder = flatbuffers.Builder(1024)
    parts = {
        0: offset(builder.CreateString(name)),
        2: offset(vector(builder, [note(builder, each) for each in inputs])),
        3: offset(vector(builder, [note(builder, each) for each in outputs])),
    }
    graphs = vector(builder, [table(builder, 10, parts)])
    model = table(
        builder,
        8,
        {0: offset(builder.CreateString(name)), 3: offset(graphs), 7: offset(builder.CreateString(PARSER))},
    )
    builder.Finish(model, file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def note(builder: flatbuffers.Builder, said: TensorNote) -> int:
    """A `TensorMetadata`."""
    parts = {
        0: offset(builder.CreateString(said.name)),
        1: offset(builder.CreateString(said.description)),
        3: offset(content(builder, said.color)),
    }
    if said.mean:
        parts[4] = offset(vector(builder, [normalization(builder, said)]))
    if said.has_labels:
        parts[6] = offset(vector(builder, [label_file(builder)]))
    return table(builder, 7, parts)


def content(builder: flatbuffers.Builder, color: str) -> int:
    """A `Content`: an image, or features."""
    if not color:
        return table(builder, 3, {0: byte(FEATURES), 1: offset(table(builder, 0, {}))})
    image = table(builder, 2, {0: byte(COLOR_SPACES.get(color, 0))})
    return table(builder, 3, {0: byte(IMAGE), 1: offset(image)})


def normalization(builder: flatbuffers.Builder, said: TensorNote) -> int:
    """A `ProcessUnit` of `NormalizationOptions`: `(pixel - mean) / std`, of pixels from 0 to 255."""
    mean, std = (
        builder.CreateNumpyVector(np.asarray(values, np.float32) * LARGEST_PIXEL)
        for values in (said.mean, said.std)
    )
    options = table(builder, 2, {0: offset(mean), 1: offset(std)})
    return table(builder, 2, {0: byte(NORMALIZATION), 1: offset(options)})


def label_file(builder: flatbuffers.Builder) -> int:
    """An `AssociatedFile`: the labels of the last axis."""
    return table(builder, 5, {0: offset(builder.CreateString(LABELS)), 2: byte(AXIS_LABELS)})


def table(builder: flatbuffers.Builder, fields: int, parts: Mapping[int, Slot]) -> int:
    """A table of so many fields, some of which have values; where it stands."""
    builder.StartObject(fields)
    for place, slot in parts.items():
        slot(builder, place)
    return int(builder.EndObject())


def vector(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    """A vector of tables; where it stands."""
    builder.StartVector(4, len(offsets), 4)
    for each in reversed(offsets):
        builder.PrependUOffsetTRelative(each)
    return int(builder.EndVector())


def offset(where: int) -> Slot:
    """A field that leads to something."""
    return lambda builder, place: builder.PrependUOffsetTRelativeSlot(place, where, 0)


def byte(value: int) -> Slot:
    """A field of one byte."""
    return lambda builder, place: builder.PrependUint8Slot(place, value, 0)
