from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import handmade
import pytest
from conftest import Inspect

from convertkit.artifacts.formats import Format
from convertkit.errors import ModelFileError
from convertkit.sources import Kind, inspect_source

F32 = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
BROKEN = {
    "beyond the end": ({"w": {**F32, "data_offsets": [4, 28]}}, "gaps"),
    "overlap": ({"a": F32, "b": {**F32, "shape": [3], "data_offsets": [12, 24]}}, "overlap"),
    "wrong size": ({"w": {**F32, "shape": [2, 4]}}, "size"),
    "unknown dtype": ({"w": {**F32, "dtype": "EVIL"}}, "cannot be read"),
    "negative": ({"w": {**F32, "shape": [-2, -3]}}, "cannot be read"),
    "text for a number": ({"w": {**F32, "data_offsets": ["0", "24"]}}, "cannot be read"),
    "no offsets": ({"w": {"dtype": "F32", "shape": [2]}}, "cannot be read"),
    "true for a number": ({"w": {**F32, "shape": [True, 6]}}, "cannot be read"),
    "rest": ({"w": {**F32, "shape": [3], "data_offsets": [0, 12]}}, "after its tensors"),
    "no tensors": ({}, "something after|without tensors"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_safetensors_are_told(inspect: Inspect, name: str) -> None:
    header, told = BROKEN[name]
    with pytest.raises(ModelFileError, match=told):
        inspect(handmade.safetensors(header), "m.safetensors")


def test_safetensors_headers_are_bounded_and_read_strictly(inspect: Inspect) -> None:
    assert inspect(handmade.safetensors({"__metadata__": {"a": "b"}, "w": F32})).details["tensors"] == "1"
    huge = struct.pack("<Q", 2**62) + b"{" + bytes(100)
    twice = b'{"w": 1, "w": 2}'
    for content in (huge, struct.pack("<Q", len(twice)) + twice, struct.pack("<Q", 3) + b"{{{"):
        with pytest.raises(ModelFileError):
            inspect(content, "m.safetensors")


@pytest.fixture
def saved_model(tmp_path: Path) -> Path:
    folder = tmp_path / "model.savedmodel"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"\x08\x01\x12\x05\x12\x09MatMulxxx")
    (folder / "variables" / "variables.index").write_bytes(b"x")
    return folder


def test_a_saved_model_passes(saved_model: Path) -> None:
    source = inspect_source(saved_model)
    assert (source.kind, source.format, source.refusals) == (Kind.SAVEDMODEL, Format.SAVEDMODEL, ())


@pytest.mark.parametrize("name", ["WriteFile", "ReadFile", "PyFunc", "EagerPyFunc", "MatchingFiles"])
@pytest.mark.parametrize("length", [b"%c", b"%c\x00"])
def test_graphs_that_touch_files_are_refused(saved_model: Path, name: str, length: bytes) -> None:
    node = b"\x12" + length % len(name) + name.encode() + b"\x1a"
    (saved_model / "saved_model.pb").write_bytes(b"\x08\x01\x12\x20" + node)
    assert inspect_source(saved_model).refusals[0].startswith("its graph uses ")


def test_paths_that_climb_out_are_refused(saved_model: Path) -> None:
    (saved_model / "saved_model.pb").write_bytes(b"\x08\x01\x12\x20../../etc/passwd")
    assert ".." in inspect_source(saved_model).refusals[0]


def link_out(folder: Path) -> Any:
    (folder / "assets").symlink_to("/etc")


def fifo(folder: Path) -> Any:
    os.mkfifo(folder / "variables" / "pipe")


def empty(folder: Path) -> Any:
    (folder / "saved_model.pb").write_bytes(b"")


@pytest.mark.parametrize("damage", [link_out, fifo, empty])
def test_folders_that_are_not_plain_are_unusable(saved_model: Path, damage: Any) -> None:
    damage(saved_model)
    with pytest.raises(ModelFileError, match="SavedModel"):
        inspect_source(saved_model)


def test_tflite_needs_its_root_inside_the_file(inspect: Inspect) -> None:
    for root in (0, 4, 10_000):
        with pytest.raises(ModelFileError, match="truncated"):
            inspect(struct.pack("<I", root) + handmade.TFLITE[4:])
