from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from convertkit.sources import SourceFile, inspect_source

Inspect = Callable[..., SourceFile]


@pytest.fixture
def inspect(tmp_path: Path) -> Inspect:
    """Write bytes to a file and inspect it."""

    def write_and_inspect(content: bytes, name: str = "model.pt") -> SourceFile:
        path = tmp_path / name
        path.write_bytes(content)
        return inspect_source(path)

    return write_and_inspect
