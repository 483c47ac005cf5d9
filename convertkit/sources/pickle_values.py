"""What a pickle builds, as inert values: nothing here imports or calls what the pickle names."""

from __future__ import annotations

from typing import Any

import msgspec

from convertkit.sources.wording import listed

MAX_REASONS = 20


class Name(msgspec.Struct, frozen=True):
    """A name that the pickle imports: `module.attribute`."""

    text: str


class Call(msgspec.Struct):
    """The result of calling an imported name, never called here; `pairs` are items set on it."""

    name: str
    arguments: Any
    state: Any = None
    pairs: list[tuple[Any, Any]] = []


class Items(msgspec.Struct):
    """A dict as its pairs, since keys here need not be hashable."""

    pairs: list[tuple[Any, Any]]


class PersistentId(msgspec.Struct):
    """A reference out of the pickle; torch's are tuples that begin with 'storage'."""

    value: Any


class Mark(msgspec.Struct):
    """The stack's MARK."""


class Scan(msgspec.Struct):
    """What a pickle would do.

    Attributes:
        names: everything it would import, in order.
        refused: the names among them that are not allowed.
        reasons: other things that no data pickle does.
        value: what it builds, of the inert types above; None where it is damaged.
        is_damaged: it ends early, or its opcodes make no sense.
    """

    names: list[str] = []
    refused: list[str] = []
    reasons: list[str] = []
    value: Any = None
    is_damaged: bool = False

    @property
    def refusals(self) -> tuple[str, ...]:
        """One reason for the refused names together, and each of the others once."""
        imports = (f"it wants to import {listed(self.refused)}",) if self.refused else ()
        return imports + tuple(dict.fromkeys(self.reasons))[:MAX_REASONS]
