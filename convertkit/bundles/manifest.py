"""The types of a bundle's `manifest.json`, which names every other member with its SHA-256."""

from __future__ import annotations

import msgspec

MANIFEST = "manifest.json"
CARD = "card.md"
LOCK = "lock.txt"
SUFFIX = ".ckb"
BUNDLE_VERSION = 1


class Member(msgspec.Struct, frozen=True):
    """One file of a bundle."""

    sha256: str
    size_bytes: int


class BundledArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact of a bundle.

    Attributes:
        path: of its file or folder, within the bundle.
        sha256: as the report has it; of a folder: of names and contents.
        vectors: member with its outputs on the vectors, logical; empty where no runtime ran it when
            the bundle was made.
    """

    variant: str
    path: str
    sha256: str
    vectors: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All that a bundle holds.

    Attributes:
        name: of the model and its version, as the bundle's file was called.
        license: of the model; empty where it was not told.
        members: path → file, of every other member.
    """

    bundle_version: int = BUNDLE_VERSION
    convertkit: str
    name: str
    license: str = ""
    artifacts: tuple[BundledArtifact, ...]
    members: dict[str, Member]
