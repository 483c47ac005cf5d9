"""What the store holds, whether it is whole, and what goes when it is made smaller. Starts no worker."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from convertkit.storage.store import RECORD, Store, StoredHop


class Entry(msgspec.Struct, frozen=True):
    """An artifact that the store keeps.

    Attributes:
        stage, target: the hop that made it; empty where its record cannot be read.
        used_s: since it was used last, seconds.
    """

    key: str
    stage: str
    target: str
    converter: str
    size_bytes: int
    used_s: float


class Checked(msgspec.Struct, frozen=True):
    """What a look at every entry found.

    Attributes:
        damaged: keys of entries that were put aside.
    """

    whole: int
    damaged: tuple[str, ...]


def list_entries(store: Store) -> list[Entry]:
    """All entries, the one used last first."""
    return [entry_of(store, key) for key in store.kept()]


def entry_of(store: Store, key: str) -> Entry:
    """What is known of one entry."""
    folder = store.root / key
    parts, converter, used = dict[str, str](), "", time.time()
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=StoredHop)
        parts, converter, used = record.parts, record.converter, folder.stat().st_mtime
    except (OSError, msgspec.MsgspecError):
        pass
    ago = max(0.0, time.time() - used)
    named = (str(parts.get("stage", "")), str(parts.get("target", "")))
    return Entry(key, *named, converter, store.size_bytes(key), ago)


def verify_store(store: Store) -> Checked:
    """Hash every entry; one that is not what was put there is put aside."""
    keys = store.kept()
    damaged = tuple(key for key in keys if not store.is_whole(key))
    for key in damaged:
        store.quarantine(key)
    return Checked(len(keys) - len(damaged), damaged)


def prune_store(store: Store, largest_bytes: int) -> tuple[str, ...]:
    """Remove what was used longest ago until the rest is small enough, and what was put aside; their keys."""
    store.forget_damaged()
    return tuple(store.prune(largest_bytes))


def store_path(store: Store) -> Path:
    """The store's folder."""
    return store.root.absolute()
