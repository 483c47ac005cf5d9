"""The file of a bundle: a zip that can be written in one way only, so that any changed byte of it shows.

Members are stored, not deflated: what a deflater writes depends on its version. They stand in order of their
names behind the manifest, all of 1980-01-01 and mode 0644.
"""

from __future__ import annotations

import filecmp
import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from convertkit.artifacts.digest import CHUNK_BYTES
from convertkit.bundles.manifest import BUNDLE_VERSION, MANIFEST, Manifest, Member
from convertkit.errors import InputError, RefusedError, UsageError
from convertkit.sources.archive import ArchiveError, check_members, open_strictly
from convertkit.storage.temporary import temporary_folder

EPOCH = (1980, 1, 1, 0, 0, 0)
MODE = 0o100644 << 16
UNIX = 3
START = b"PK\x03\x04"
HEADER_BYTES = 30  # of a member, before its name
LARGEST_MANIFEST_BYTES = 64 << 20


class ChangedError(InputError):
    """A bundle is not what was bundled."""


def is_bundle(path: Path) -> bool:
    """True for a file that begins as a bundle does, and is no zip of another kind."""
    head = head_of(path)
    return head.startswith(START) and head[HEADER_BYTES:] == MANIFEST.encode()


def is_meant_as_one(path: Path) -> bool:
    """True for a bundle, whole or damaged: it begins as one, as far as it goes, or lists a manifest."""
    head = head_of(path)
    is_cut = len(head) < HEADER_BYTES + len(MANIFEST) and START.startswith(head[: len(START)])
    return is_cut or is_bundle(path) or lists_manifest(path)


def head_of(path: Path) -> bytes:
    """As many bytes of a file as tell whether it is a bundle; none where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(HEADER_BYTES + len(MANIFEST))
    except OSError:
        return b""


def lists_manifest(path: Path) -> bool:
    """True for a zip with a member that is called as a bundle's manifest."""
    try:
        with zipfile.ZipFile(path) as archive:
            return MANIFEST in archive.namelist()
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError):
        return False


def write_container(members: Mapping[str, Path], out: Path) -> None:
    """Write the members' files as one zip; the same contents give the same bytes.

    Raises:
        OSError: it cannot be written.
    """
    names = [MANIFEST, *sorted(name for name in members if name != MANIFEST)]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system, info.external_attr = UNIX, MODE
            info.file_size = members[name].stat().st_size
            with archive.open(info, "w") as member, members[name].open("rb") as file:
                shutil.copyfileobj(file, member, CHUNK_BYTES)


@contextmanager
def opened_bundle(path: Path) -> Iterator[tuple[Path, Manifest]]:
    """A bundle's members in a folder, which goes afterwards; every byte of the bundle was checked.

    Raises:
        UsageError: there is no such file, or it is another kind of file.
        RefusedError: it has members that no bundle has.
        ChangedError: it is not what was bundled.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such bundle", hint="convertkit bundle RUN -o NAME.ckb makes one")
    if not is_meant_as_one(path):
        raise UsageError(f"{path} is no bundle", hint="convertkit bundle RUN -o NAME.ckb makes one")
    with temporary_folder() as folder:
        home = folder / "bundle"
        home.mkdir()
        found = extract(path, home)
        manifest = read_manifest(home / MANIFEST, path)
        check_listed(path, found, manifest)
        again = folder / "again"
        write_container({name: home / name for name in found}, again)
        if not filecmp.cmp(path, again, shallow=False):
            raise changed(path, "its members are whole, and something between them is not as it was written")
        again.unlink()
        yield home, manifest


def changed(path: Path, what: str) -> ChangedError:
    """The error of a bundle that is not as it was made."""
    return ChangedError(f"{path} was changed, or is damaged: {what}", hint="fetch it anew")


def extract(path: Path, home: Path) -> dict[str, Member]:
    """Write the members below a folder; what each of them is."""
    try:
        with path.open("rb") as stream, open_strictly(stream) as archive:
            infos = archive.infolist()
            check_members(infos, archive.start_dir)
            check_kind(infos)
            return {info.filename: extract_member(archive, info, home) for info in infos}
    except ArchiveError as error:
        raise changed(path, str(error)) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        raise changed(path, f"a member is damaged ({error})") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise changed(path, "a member's name is also a folder's") from None


def check_kind(infos: list[zipfile.ZipInfo]) -> None:
    """Raise RefusedError for members that no bundle has: folders, links, deflated ones.

    Stored members are as large as the bundle's own bytes, so that nothing expands.
    """
    for info in infos:
        if info.is_dir() or info.compress_type != zipfile.ZIP_STORED:
            raise RefusedError(f"member '{info.filename}' is none of a bundle: a folder, or compressed")
        if info.external_attr != MODE:
            raise RefusedError(f"member '{info.filename}' is none of a bundle: no plain file")


def extract_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, home: Path) -> Member:
    """Write one member, and say what it is."""
    target = home / info.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with archive.open(info) as member, target.open("xb") as file:
        while chunk := member.read(CHUNK_BYTES):
            digest.update(chunk)
            size += file.write(chunk)
    return Member(digest.hexdigest(), size)


def read_manifest(file: Path, path: Path) -> Manifest:
    """The manifest of a bundle whose members lie in a folder."""
    if not file.is_file() or file.stat().st_size > LARGEST_MANIFEST_BYTES:
        raise changed(path, f"it has no {MANIFEST}")
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except msgspec.MsgspecError as error:
        raise changed(path, f"its {MANIFEST} cannot be read ({error})") from None
    if manifest.bundle_version != BUNDLE_VERSION:
        raise UsageError(f"{path} has bundle version {manifest.bundle_version}, this is {BUNDLE_VERSION}")
    return manifest


def check_listed(path: Path, found: Mapping[str, Member], manifest: Manifest) -> None:
    """Raise ChangedError where the members are not those that the manifest names."""
    listed = manifest.members
    for name in sorted({*listed, *found} - {MANIFEST}):
        if name not in found:
            raise changed(path, f"member '{name}' is missing")
        if name not in listed:
            raise changed(path, f"member '{name}' was added")
        if found[name] != listed[name]:
            raise changed(path, f"member '{name}' has other content than the manifest says")
