from __future__ import annotations

import struct

import handmade
import pytest
from conftest import Inspect

from convertkit.errors import ModelFileError

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


def test_tflite_needs_its_root_inside_the_file(inspect: Inspect) -> None:
    for root in (0, 4, 10_000):
        with pytest.raises(ModelFileError, match="truncated"):
            inspect(struct.pack("<I", root) + handmade.TFLITE[4:])
