"""Warm-up requests of TensorFlow Serving: TFRecords of PredictionLog messages, written without TensorFlow.

Sources: prediction_log.proto, predict.proto and model.proto of tensorflow/serving; tensor.proto,
tensor_shape.proto and types.proto of tensorflow, and its record_writer.cc for TFRecord; RFC 3720 for CRC-32C.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from convertkit.artifacts.signature import Array, Arrays
from convertkit.kits.vector_file import little_endian

SIGNATURE = "serving_default"
BYTES = 2  # wire types of protobuf
VARINT = 0
TYPES = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "int64": 9, "bool": 10,
    "uint16": 17, "float16": 19, "uint32": 22, "uint64": 23,
}  # fmt: skip
POLYNOMIAL = 0x82F63B78
MASK_DELTA = 0xA282EAD8


def warmup_file(name: str, calls: list[Arrays], keys: Mapping[str, str]) -> bytes:
    """The content of `assets.extra/tf_serving_warmup_requests`.

    Args:
        name: of the model.
        calls: inputs by name.
        keys: name → what the SavedModel calls the input.
    """
    return b"".join(record(prediction_log(name, each, keys)) for each in calls)


def prediction_log(name: str, inputs: Arrays, keys: Mapping[str, str]) -> bytes:
    """`PredictionLog.predict_log.request`."""
    spec = field(1, name.encode()) + field(3, SIGNATURE.encode())
    request = field(1, spec)
    for each, values in inputs.items():
        request += field(2, field(1, keys[each].encode()) + field(2, tensor(values)))
    return field(6, field(1, request))


def tensor(values: Array) -> bytes:
    """A `TensorProto`."""
    dims = b"".join(field(2, number(1, size)) for size in values.shape)
    return number(1, TYPES[str(values.dtype)]) + field(2, dims) + field(4, little_endian(values))


def field(place: int, content: bytes) -> bytes:
    """A field of bytes, a text or a message."""
    return varint(place << 3 | BYTES) + varint(len(content)) + content


def number(place: int, value: int) -> bytes:
    """A field of an integer from 0 on."""
    return varint(place << 3 | VARINT) + varint(value)


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def record(content: bytes) -> bytes:
    """One record: its length, the sum of that, itself, the sum of it."""
    length = struct.pack("<Q", len(content))
    return length + struct.pack("<I", masked(length)) + content + struct.pack("<I", masked(content))


def masked(content: bytes) -> int:
    """The CRC-32C of bytes as TFRecord stores it: turned by 15 bits, and moved by a constant."""
    crc = crc32c(content)
    return ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF


def crc32c(content: bytes) -> int:
    """The CRC-32C of bytes."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def entry(byte: int) -> int:
    """What a byte does to the sum."""
    for _ in range(8):
        byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
    return byte


TABLE = tuple(entry(byte) for byte in range(256))
