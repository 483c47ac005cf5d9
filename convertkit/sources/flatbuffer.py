"""A flatbuffer read field by field, every offset checked before it is followed. Imports no framework."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from convertkit.errors import ModelFileError

SIGNED = {1: "<b", 2: "<h", 4: "<i", 8: "<q"}
UNSIGNED = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}
OFFSET = 4


class Table(msgspec.Struct, frozen=True):
    """A table of a flatbuffer; fields by their number in the schema.

    Attributes:
        content: the whole buffer: `bytes`, or a mapped file.
        start: of the table.
    """

    content: memoryview
    start: int

    def place(self, field: int) -> int:
        """Where the value of a field stands; 0 where the table has none of it."""
        vtable = self.start - number(self.content, self.start, 4, is_signed=True)
        length = number(self.content, vtable, 2)
        entry = 4 + 2 * field
        if entry + 2 > length:
            return 0
        offset = number(self.content, vtable + entry, 2)
        return self.start + offset if offset else 0

    def integer(self, field: int, size: int, default: int = 0, *, is_signed: bool = False) -> int:
        """The value of a field of so many bytes."""
        place = self.place(field)
        return number(self.content, place, size, is_signed=is_signed) if place else default

    def table(self, field: int) -> Table | None:
        """The table that a field leads to; None where it leads to none."""
        place = self.place(field)
        return Table(self.content, follow(self.content, place)) if place else None

    def vector(self, field: int, size: int) -> tuple[int, int]:
        """Where the first element of a vector stands, and how many there are.

        Args:
            size: bytes of an element.
        """
        place = self.place(field)
        if not place:
            return 0, 0
        start = follow(self.content, place)
        count = number(self.content, start, 4)
        within(self.content, start + 4, count * size)
        return start + 4, count

    def integers(self, field: int, size: int = 4) -> tuple[int, ...]:
        """A vector of signed integers."""
        start, count = self.vector(field, size)
        return struct.unpack(f"<{count}{SIGNED[size][1]}", self.content[start : start + count * size])

    def real(self, field: int, default: float = 0.0) -> float:
        """The value of a field of 32 bits, a floating-point number."""
        place = self.place(field)
        if not place:
            return default
        within(self.content, place, 4)
        return float(struct.unpack_from("<f", self.content, place)[0])

    def reals(self, field: int) -> tuple[float, ...]:
        """A vector of 32-bit floating-point numbers."""
        start, count = self.vector(field, 4)
        return struct.unpack(f"<{count}f", self.content[start : start + 4 * count])

    def text(self, field: int) -> str:
        """A string; what is no UTF-8 in it is replaced."""
        start, count = self.vector(field, 1)
        return bytes(self.content[start : start + count]).decode(errors="replace")

    def tables(self, field: int) -> Iterator[Table]:
        """A vector of tables."""
        start, count = self.vector(field, OFFSET)
        for place in range(start, start + count * OFFSET, OFFSET):
            yield Table(self.content, follow(self.content, place))


def root(content: memoryview) -> Table:
    """The table that a flatbuffer begins with."""
    return Table(content, follow(content, 0))


def follow(content: memoryview, place: int) -> int:
    """Where the offset at a place leads."""
    return place + number(content, place, OFFSET)


def number(content: memoryview, place: int, size: int, *, is_signed: bool = False) -> int:
    """An integer of so many bytes, little-endian."""
    within(content, place, size)
    value: int = struct.unpack_from((SIGNED if is_signed else UNSIGNED)[size], content, place)[0]
    return value


def within(content: memoryview, place: int, size: int) -> None:
    """Raise ModelFileError where so many bytes are not all in the file."""
    if place < 0 or place + size > len(content):
        raise ModelFileError("a TFLite file that leads out of itself", hint="it is damaged: get it again")
