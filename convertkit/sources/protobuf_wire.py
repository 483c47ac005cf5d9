"""Protobuf's wire format, read strictly and in place: field numbers and spans of bytes, nothing copied.

Where parsers could disagree this one raises: groups, a field of another wire type than its own, and a field
that stands twice where one value is expected (a parser merges the two, or keeps the last). What it accepts,
every parser reads alike. No dependency: google.protobuf comes with TensorFlow only, and keeps unknown fields
to itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple

MAX_FIELDS = 20_000_000
MAX_TAG = (1 << 32) - 1
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
FIXED_SIZES = {FIXED64: 8, FIXED32: 4}


class WireError(ValueError):
    """The bytes are no message of the expected kind."""


class TruncatedError(WireError):
    """The bytes end within a field: no parser reads them."""


class Span(NamedTuple):
    """Where the content of a message or text lies."""

    start: int
    end: int


class Field(NamedTuple):
    """A message's field: what its number is called, and the message or kind it holds.

    Attributes:
        name: as its .proto file calls it.
        holds: the name of a message, `text`, `number` (a varint) or `float` (four bytes).
        is_repeated: more than one is expected.
    """

    name: str
    holds: str
    is_repeated: bool


Messages = dict[str, dict[int, Field]]
Found = dict[str, list[Span]]
WIRE_TYPES = {"number": VARINT, "float": FIXED32}


def message_table(text: str) -> Messages:
    """Message name → field number → field, from lines `Message: 1 name holds, 2 name holds*, …`."""
    table: Messages = {}
    for line in text.strip().splitlines():
        message, _, fields = line.partition(":")
        table[message.strip()] = dict(map(parse_field, fields.split(",")))
    return table


def parse_field(text: str) -> tuple[int, Field]:
    """Number and field of `1 name holds`; a star behind it stands for repeated."""
    number, name, holds = text.split()
    return int(number), Field(name, holds.rstrip("*"), holds.endswith("*"))


class WireReader:
    """Reads messages of a table from bytes.

    Attributes:
        data: the file.
        unknown: fields found that the table does not have, as `Message.number`.
    """

    def __init__(self, data: bytes | mmap, messages: Messages) -> None:
        self.data = data
        self.unknown: dict[str, None] = {}
        self._messages = messages
        self._left = MAX_FIELDS

    def read(self, span: Span, message: str) -> Found:
        """Field name → where its values lie, in order.

        Raises:
            WireError: the bytes are no such message, or it is too large to be checked.
        """
        fields, found = self._messages[message], Found()
        seen: set[int] = set()
        for number, wire, value in self.fields(span):
            field = fields.get(number)
            if field is None:
                self.unknown[f"{message}.{number}"] = None
                continue
            if number in seen and not field.is_repeated:
                raise WireError(f"{message}.{field.name} stands twice")
            seen.add(number)
            check_kind(field, wire)
            found.setdefault(field.name, []).append(value)
        return found

    def each(self, found: Found, name: str, message: str) -> Iterator[Found]:
        """The messages of one field of what `read` found."""
        return (self.read(span, message) for span in found.get(name, ()))

    def one(self, found: Found, name: str, message: str) -> Found:
        """The message of a field that is not repeated, empty where it is missing."""
        return next(self.each(found, name, message), {})

    def fields(self, span: Span) -> Iterator[tuple[int, int, Span]]:
        """Number, wire type and value's span of every field.

        Raises:
            WireError: a group, a truncated field, or too many fields in all.
        """
        position, end = span
        while position < end:
            tag, position = self.varint(position, end)
            number, wire = tag >> 3, tag & 7
            if number == 0 or tag > MAX_TAG:
                raise WireError("a field without a number")
            value, position = self.value(wire, position, end)
            self._left -= 1
            if self._left < 0:
                raise WireError("it is too large to be checked")
            yield number, wire, value

    def value(self, wire: int, position: int, end: int) -> tuple[Span, int]:
        """The span of a field's value, and where the next field begins."""
        if wire == LENGTH:
            size, position = self.varint(position, end)
        elif wire == VARINT:
            size = self.varint(position, end)[1] - position
        elif wire in FIXED_SIZES:
            size = FIXED_SIZES[wire]
        else:
            raise WireError("a group, which no current writer makes")
        if size > end - position:
            raise TruncatedError("a truncated field")
        return Span(position, position + size), position + size

    def varint(self, position: int, end: int) -> tuple[int, int]:
        """A number of seven bits to the byte, ten bytes at most, and where it ends."""
        if position < end and self.data[position] < 0x80:
            return self.data[position], position + 1
        value = 0
        for shift in range(0, 70, 7):
            if position >= end:
                raise TruncatedError("a truncated number")
            byte = self.data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
        raise WireError("a number of more than ten bytes")

    def text(self, span: Span) -> str:
        """The text in a span; bytes that are no UTF-8 stay apart from all that are."""
        return self.data[span.start : span.end].decode("utf-8", "surrogateescape")

    def numbers(self, found: Found, name: str) -> list[int]:
        """The numbers of one repeated field, packed or not."""
        numbers = []
        for position, end in found.get(name, ()):
            while position < end:
                number, position = self.varint(position, end)
                numbers.append(number)
        return numbers

    def texts(self, found: Found, name: str) -> list[str]:
        """The texts of one field of what `read` found."""
        return [self.text(span) for span in found.get(name, ())]

    def only(self, found: Found, name: str) -> str:
        """The text of a field that is not repeated, empty where it is missing."""
        return "".join(self.texts(found, name))

    def positions(self, needle: bytes, span: Span) -> Iterator[int]:
        """Where in the span the bytes occur."""
        position = self.data.find(needle, span.start, span.end)
        while position >= 0:
            yield position
            position = self.data.find(needle, position + 1, span.end)


def check_kind(field: Field, wire: int) -> None:
    """A value has its field's wire type; repeated numbers may be packed.

    Raises:
        WireError: it has another.
    """
    expected = WIRE_TYPES.get(field.holds, LENGTH)
    if wire != expected and not (field.is_repeated and wire == LENGTH):
        raise WireError(f"{field.name} is of another type")
