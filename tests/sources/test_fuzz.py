"""Damaged files end in an answer or in one of our own errors, in bounded time, whatever was damaged."""

from __future__ import annotations

import json
import random

import handmade
import pytest
from conftest import Inspect

from convertkit.errors import ConvertkitError

FILES = {
    "state-dict": handmade.torch_zip(),
    "legacy": handmade.legacy(),
    "pt2": handmade.pt2(),
    "script": handmade.script(),
    "safetensors": handmade.safetensors(),
    "tflite": handmade.TFLITE,
    "onnx": handmade.ONNX,
}
MUTATIONS = 60
pytestmark = pytest.mark.timeout(120)  # a reader that hangs on one file


def mutated(content: bytes, source: random.Random) -> bytes:
    """A few bytes changed, removed, doubled, or the end cut off."""
    data = bytearray(content)
    for _ in range(source.randint(1, 4)):
        place = source.randrange(len(data))
        way = source.randrange(5)
        if way == 0:
            data[place] = source.randrange(256)
        elif way == 1:
            data[place] ^= 1 << source.randrange(8)
        elif way == 2:
            del data[place : place + source.randint(1, 8)]
        elif way == 3:
            data[place:place] = data[place : place + source.randint(1, 32)]
        else:
            del data[source.randint(len(data) // 2, len(data)) :]
        data = data or bytearray(b"\x00")
    return bytes(data)


def error_of(inspect: Inspect, content: bytes) -> ConvertkitError | None:
    """The error of inspecting this content, None where there is none; others than ours fly on."""
    try:
        inspect(content)
    except ConvertkitError as error:
        return error
    return None


@pytest.mark.parametrize("name", FILES)
def test_mutated_files_raise_only_our_errors(inspect: Inspect, name: str) -> None:
    source = random.Random(name)
    for _ in range(MUTATIONS):
        content = mutated(FILES[name], source)
        error = error_of(inspect, content)
        assert error is None or (error.exit_code == 6 and "\n" not in str(error))


@pytest.mark.parametrize("name", ["state-dict", "pt2", "script"])
def test_mutated_members_raise_only_our_errors(inspect: Inspect, name: str) -> None:
    """Mutations inside a member, with the archive around it rebuilt, reach the readers behind the archive."""
    source = random.Random(name)
    parts = {
        "state-dict": (handmade.STATE_DICT, lambda data: handmade.torch_zip(data)),
        "pt2": (json.dumps(handmade.program()).encode(), lambda data: handmade.pt2(data)),
        "script": (handmade.SCRIPT.encode(), lambda data: handmade.script(data.decode("latin1"))),
    }
    content, build = parts[name]
    for _ in range(MUTATIONS * 3):
        error = error_of(inspect, build(mutated(content, source)))
        assert error is None or error.exit_code == 6
