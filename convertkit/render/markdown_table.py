"""Text and tables as Markdown shows them, whatever the text holds."""

from __future__ import annotations

import re
from collections.abc import Sequence

from convertkit.render.summary import one_line

SPECIAL = re.compile(r"[\\`*\[\]|#~]|(?<!\w)_|_(?!\w)")
ENTITY = re.compile(r"&(?=#?\w+;)")


def escape(text: str) -> str:
    """Text that Markdown shows as it is, in a table cell too: one line, nothing of it markup."""
    quoted = SPECIAL.sub(r"\\\g<0>", ENTITY.sub("&amp;", one_line(text)))
    return quoted.replace("<", "&lt;").replace(">", "&gt;")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table; cells are escaped here, and numbers' headings carry their units."""
    lines = [f"| {' | '.join(headings)} |", f"|{'|'.join([' --- '] * len(headings))}|"]
    return lines + [f"| {' | '.join(escape(cell) for cell in row)} |" for row in rows]
