"""How text from an untrusted file is put into a message: short, printable, one line."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN_NAMES = 8
SHOWN_CHARACTERS = 60


def words(text: str) -> frozenset[str]:
    """The words of a text: a long literal list in few lines."""
    return frozenset(text.split())


def quoted(text: object) -> str:
    """The text in quotes, cut at 60 characters; what is not printable ASCII is escaped."""
    shown = str(text)
    if len(shown) > SHOWN_CHARACTERS:
        shown = shown[:SHOWN_CHARACTERS] + "…"
    return "'" + "".join(c if (c.isascii() and c.isprintable()) or c == "…" else "?" for c in shown) + "'"


def listed(names: Iterable[object]) -> str:
    """The distinct names in order, eight at most, and how many more there are."""
    distinct = list(dict.fromkeys(names))
    more = len(distinct) - SHOWN_NAMES
    text = ", ".join(quoted(name)[1:-1] for name in distinct[:SHOWN_NAMES])
    return f"{text} and {more} more" if more > 0 else text
