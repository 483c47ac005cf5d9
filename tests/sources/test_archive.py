from __future__ import annotations

import io
import struct
import zipfile

import handmade
import pytest
from conftest import Inspect

from convertkit.errors import ModelFileError
from convertkit.sources.archive import Archive, ArchiveError, open_archive

PLAIN = {"m/a": b"first", "m/b": b"second"}


def end_record(count: int, length: int, start: int) -> bytes:
    return b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, length, start, 0)


def two_member_lists() -> bytes:
    """Python's zipfile takes the list before the end record; a reader that trusts offsets takes the first."""
    hidden = handmade.torch_zip(handmade.dict_pickle(handmade.EVIL["reduce"]))
    shown = handmade.torch_zip()
    length, start = struct.unpack("<II", hidden[-10:-2])
    return hidden[:-22] + shown[:-22] + end_record(4, length, start)


def test_a_plain_archive_is_read_below_its_root() -> None:
    archive = open_archive(handmade.zip_bytes(PLAIN, zipfile.ZIP_DEFLATED))
    assert (archive.root, archive.sizes) == ("m", {"a": 5, "b": 6})
    assert archive.read("a") == b"first"
    with pytest.raises(ArchiveError, match="no member"):
        archive.read("c")
    with pytest.raises(ArchiveError, match="larger than"):
        archive.read("a", 1)


@pytest.mark.parametrize(
    "name", ["../evil", "m/../../evil", "/evil", "m\\evil", "m/\x01", "m/a\x00b", "C:evil"]
)
def test_names_that_leave_the_archive_are_refused(inspect: Inspect, name: str) -> None:
    content = one_member(name)
    with pytest.raises(ArchiveError, match="name"):
        open_archive(content)
    with pytest.raises(ModelFileError):
        inspect(content)


def one_member(name: str) -> bytes:
    """An archive with a member of that very name, which zipfile itself would clean."""
    raw = name.encode()
    content = b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0, 0, 0, 0, len(raw), 0) + raw
    start = len(content)
    content += b"PK\x01\x02" + struct.pack("<HH20xH16x", 20, 20, len(raw)) + raw
    return content + end_record(1, len(content) - start, start)


def test_names_that_differ_by_case_are_refused() -> None:
    with pytest.raises(ArchiveError, match="two members of one name"):
        open_archive(handmade.zip_bytes({"m/data.pkl": b"", "M/DATA.PKL": b""}))


def test_bombs_are_refused_before_they_are_read(inspect: Inspect) -> None:
    bomb = handmade.zip_bytes({"m/data.pkl": bytes(300_000_000)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelFileError, match="expands to more than 100 times"):
        inspect(bomb)


def test_an_archive_with_two_member_lists_is_refused(inspect: Inspect) -> None:
    content = two_member_lists()
    assert zipfile.ZipFile(io.BytesIO(content)).namelist()  # Python alone would read the harmless list
    with pytest.raises(ModelFileError, match="not where the archive says"):
        inspect(content)


def test_what_stands_before_or_after_is_refused() -> None:
    plain = handmade.zip_bytes(PLAIN)
    for content in (b"MZ" + plain, plain + b"x", plain[:-2] + b"\x01\x00x", plain[:-1], plain[10:]):
        with pytest.raises(ArchiveError):
            open_archive(content)


def test_encrypted_and_unusual_members_are_refused() -> None:
    plain = handmade.zip_bytes(PLAIN)
    encrypted = plain.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
    with pytest.raises(ArchiveError, match="encrypted"):
        open_archive(encrypted)
    with pytest.raises(ArchiveError, match="method"):
        open_archive(handmade.zip_bytes(PLAIN, zipfile.ZIP_LZMA))


def test_members_that_overlap_are_refused() -> None:
    plain = handmade.zip_bytes(PLAIN)
    first = plain.index(b"PK\x01\x02")
    second = plain.index(b"PK\x01\x02", first + 1)
    overlapping = plain[: second + 42] + bytes(4) + plain[second + 46 :]
    with pytest.raises(ArchiveError, match="overlap"):
        open_archive(overlapping)


def test_damaged_members_are_told() -> None:
    content = handmade.zip_bytes({"m/a": b"first" * 10}).replace(b"firstfirst", b"firstFirst", 1)
    with pytest.raises(ArchiveError, match="damaged"):
        open_archive(content).read("a")


def test_archives_of_two_roots_have_none() -> None:
    stream = io.BytesIO(handmade.zip_bytes({"m/a": b"", "n/b": b""}))
    assert Archive(stream).root == ""
