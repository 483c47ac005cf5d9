"""Flatbuffers written by hand: tables of integers, vectors and tables, each field under its number."""

import struct

import msgspec


class U8(msgspec.Struct, frozen=True):
    """A field of one byte."""

    value: int


def flatbuffer(fields, identifier=b"TFL3"):
    """A whole buffer; values: int (32 bits), U8, bytes, lists of int, dicts (tables), or lists of dicts."""
    out = bytearray(struct.pack("<I4s", 0, identifier))
    struct.pack_into("<I", out, 0, table(out, fields))
    return bytes(out)


def table(out, fields):
    """Append a table with all that it leads to; where it stands."""
    count = max(fields, default=-1) + 1
    vtable = padded(out)
    out += bytes(4 + 2 * count)
    start = padded(out)
    out += struct.pack("<i", start - vtable) + bytes(4 * count)
    slots = [4 + 4 * field if field in fields else 0 for field in range(count)]
    struct.pack_into(f"<HH{count}H", out, vtable, 4 + 2 * count, 4 + 4 * count, *slots)
    for field, value in fields.items():
        place = start + 4 + 4 * field
        if isinstance(value, int):
            struct.pack_into("<i", out, place, value)
        elif isinstance(value, U8):
            struct.pack_into("<B", out, place, value.value)
        else:
            struct.pack_into("<I", out, place, child(out, value) - place)
    return start


def child(out, value):
    """Append what an offset leads to; where it stands."""
    if isinstance(value, dict):
        return table(out, value)
    start = padded(out)
    if isinstance(value, bytes):
        out += struct.pack("<I", len(value)) + value
    elif value and isinstance(value[0], dict):
        out += struct.pack("<I", len(value)) + bytes(4 * len(value))
        for number, each in enumerate(value):
            place = start + 4 + 4 * number
            struct.pack_into("<I", out, place, table(out, each) - place)
    else:
        out += struct.pack(f"<I{len(value)}i", len(value), *value)
    return start


def padded(out):
    """Fill up to a multiple of four; the length then."""
    out += bytes(-len(out) % 4)
    return len(out)


SMALLEST = flatbuffer({2: [{0: [{0: [1], 2: 0}], 1: [0], 2: [0], 3: []}], 4: [{}]})
"""A `.tflite` of one graph that hands its input through: right as far as reading goes."""
