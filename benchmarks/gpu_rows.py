"""Rows of the GPU bench: a JSON line each, written as soon as it is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def add_row(file: Path | str, row: Row) -> None:
    """Append a row, so that what comes later cannot take it away."""
    with open(file, "a") as stream:
        stream.write(json.dumps(row) + "\n")


def read_rows(file: Path) -> list[Row]:
    """All rows; none where there is no file."""
    return list(map(json.loads, file.read_text().splitlines())) if file.exists() else []


def key(row: Row) -> tuple[Any, ...]:
    """What a row is about."""
    return tuple(row.get(name) for name in ("model", "precision", "form", "batch"))
