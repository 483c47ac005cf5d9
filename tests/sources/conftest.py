from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from handmade_savedmodel import saved_model

from convertkit.sources import SourceFile, inspect_source

Inspect = Callable[..., SourceFile]
InspectGraph = Callable[[bytes], SourceFile]


@pytest.fixture
def inspect(tmp_path: Path) -> Inspect:
    """Write bytes to a file and inspect it."""

    def write_and_inspect(content: bytes, name: str = "model.pt") -> SourceFile:
        path = tmp_path / name
        path.write_bytes(content)
        return inspect_source(path)

    return write_and_inspect


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A SavedModel made from bytes."""
    folder = tmp_path / "model.savedmodel"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(saved_model())
    (folder / "variables" / "variables.index").write_bytes(b"x")
    return folder


@pytest.fixture
def inspect_graph(folder: Path) -> InspectGraph:
    """Write saved_model.pb and inspect its folder."""

    def write_and_inspect(content: bytes) -> SourceFile:
        (folder / "saved_model.pb").write_bytes(content)
        return inspect_source(folder)

    return write_and_inspect


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    """A file of three words."""
    path = tmp_path / "vocabulary.txt"
    path.write_text("a\nb\nc\n")
    return path
