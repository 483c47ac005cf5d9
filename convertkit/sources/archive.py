"""Zip archives read strictly, so that what is checked here is what torch's own reader will see.

Python's zipfile and the reader in torch (miniz) find the list of members by different roads: one trusts its
distance from the end of the file, the other the offsets written there. An archive for which the two disagree
could show harmless members to one and others to the other, so only archives that leave no choice are read:

1. It begins with a member, and ends with an end record that has no comment.
2. The list of members lies exactly where the end records (zip64's too) say, and fills the space before them.
3. Members do not overlap; none is encrypted; methods are stored or deflated.
4. No name is absolute, climbs out (`..`), or has unusual characters; names differ by more than case, since
   miniz does not tell case apart.
5. The whole expands to at most 100 times its size.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from typing import IO

END_BYTES = 22
LOCATOR_BYTES = 20
END64_BYTES = 56
LOCAL_HEADER_BYTES = 30
MAX_MEMBERS = 500_000
MAX_EXPANSION = 100
SMALL_BYTES = 1 << 20
MAX_READ_BYTES = 1 << 28
MEMBER_NAME = re.compile(r"[^\x00-\x1f\x7f\\:*?\"<>|]+")


class ArchiveError(Exception):
    """The archive is damaged, or is not to be trusted; the message says how, in one line."""


class Archive:
    """The members of a zip archive, by name below the archive's root folder.

    Attributes:
        root: the folder that all members lie in (torch takes the first member's), "" where there is none.
        sizes: name below the root → bytes.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.zip = open_strictly(stream)
        infos = self.zip.infolist()
        check_members(infos, self.zip.start_dir)
        first = infos[0].filename.partition("/")[0] if infos else ""
        shared = bool(infos) and all(info.filename.startswith(first + "/") for info in infos)
        self.root = first if shared else ""
        start = len(self.root) + 1 if shared else 0
        self.members = {info.filename[start:]: info for info in infos}
        self.sizes = {name: info.file_size for name, info in self.members.items()}

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def read(self, name: str, limit_bytes: int = MAX_READ_BYTES) -> bytes:
        """A member's bytes.

        Raises:
            ArchiveError: there is no such member, it is larger than the limit, or it is damaged.
        """
        if name not in self.members:
            raise ArchiveError(f"the archive has no member '{name}'")
        if self.sizes[name] > limit_bytes:
            raise ArchiveError(f"the member '{name}' is larger than {limit_bytes >> 20} MB")
        try:
            return self.zip.read(self.members[name])
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error, ValueError) as error:
            raise ArchiveError(f"the member '{name}' is damaged") from error


def open_archive(content: bytes) -> Archive:
    """The archive that these bytes hold.

    Raises:
        ArchiveError: the bytes are no archive that can be read without doubt.
    """
    return Archive(io.BytesIO(content))


def open_strictly(stream: IO[bytes]) -> zipfile.ZipFile:
    """Open a zip file after rules 1 and 2.

    Raises:
        ArchiveError: the file is truncated, damaged, or open to two readings.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if stream.read(4) != b"PK\x03\x04":
        raise ArchiveError("the archive is empty, or does not begin with a member")
    start, length = member_list_position(stream, size)
    stream.seek(0)
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, OSError) as error:
        raise ArchiveError("the archive is damaged or truncated") from error
    if archive.start_dir != start or start + length > size:
        raise ArchiveError("the archive's list of members is not where the archive says")
    return archive


def member_list_position(stream: IO[bytes], size: int) -> tuple[int, int]:
    """Offset and length of the list of members, by the end records alone (rules 1 and 2)."""
    tail = min(size, END_BYTES + LOCATOR_BYTES + END64_BYTES)
    stream.seek(size - tail)
    data = stream.read(tail)
    end = data[-END_BYTES:]
    if len(end) < END_BYTES or end[:4] != b"PK\x05\x06" or end[-2:] != b"\0\0":
        raise ArchiveError("the archive is truncated, or has something after its end")
    length, start = struct.unpack("<II", end[12:20])
    end_of_list = size - END_BYTES
    locator = data[-END_BYTES - LOCATOR_BYTES : -END_BYTES]
    if locator[:4] == b"PK\x06\x07":
        end_of_list -= LOCATOR_BYTES + END64_BYTES
        record = data[:END64_BYTES]
        if struct.unpack("<Q", locator[8:16])[0] != end_of_list or record[:4] != b"PK\x06\x06":
            raise ArchiveError("the archive's zip64 records are not where the archive says")
        length, start = struct.unpack("<QQ", record[40:56])
    if start + length != end_of_list:
        raise ArchiveError("the archive's list of members is not where the archive says")
    return start, length


def check_members(infos: list[zipfile.ZipInfo], end: int) -> None:
    """Rules 3 to 5.

    Raises:
        ArchiveError: a member breaks one.
    """
    if not infos:
        raise ArchiveError("the archive is empty")
    if len(infos) > MAX_MEMBERS:
        raise ArchiveError(f"the archive has more than {MAX_MEMBERS} members")
    names: set[str] = set()
    for info in infos:
        check_name(info)
        if info.filename.casefold() in names:
            raise ArchiveError("the archive has two members of one name")
        names.add(info.filename.casefold())
        if info.flag_bits & 0x41:
            raise ArchiveError("the archive is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveError(f"the archive uses compression method {info.compress_type}")
    check_extent(infos, end)


def check_name(info: zipfile.ZipInfo) -> None:
    """Rule 4, for one member."""
    name = info.filename
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or info.orig_filename != name or not MEMBER_NAME.fullmatch(name):
        raise ArchiveError("the archive has a member whose name leaves the archive or cannot be trusted")


def check_extent(infos: list[zipfile.ZipInfo], end: int) -> None:
    """Members lie one after another before the list of members, and expand to a bounded size."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    limits = [info.header_offset for info in ordered[1:]] + [end]
    for info, limit in zip(ordered, limits, strict=True):
        if info.header_offset + LOCAL_HEADER_BYTES + info.compress_size > limit:
            raise ArchiveError("the archive's members overlap")
        if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
            raise ArchiveError("the archive has a member with two sizes")
    if sum(info.file_size for info in infos) > MAX_EXPANSION * max(end, SMALL_BYTES):
        raise ArchiveError(f"the archive expands to more than {MAX_EXPANSION} times its size")
