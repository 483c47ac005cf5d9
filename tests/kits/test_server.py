"""The server's side: folders, configurations and bodies, for any signature."""

from __future__ import annotations

import ast
import json
import struct
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convertkit.kits import warmup
from convertkit.kits.server import SERVER_KITS, write_server_kit
from convertkit.sources.protobuf_wire import LENGTH, Span, WireReader
from tests.kits.conftest import subject_of

VARIANTS = {"tfserving": "savedmodel:float32", "triton": "onnx:float32", "onnxruntime": "onnx:float32"}


def kit(kind: str, name: str, folder: Path) -> Path:
    out = folder / "kit"
    out.mkdir()
    write_server_kit(kind, subject_of(name, folder, VARIANTS[kind]), out, 7)
    return out


@pytest.mark.parametrize("kind", SERVER_KITS)
def test_every_file_is_rendered_whole(kind: str, name: str, tmp_path: Path) -> None:
    out = kit(kind, name, tmp_path)
    for file in out.rglob("*.*"):
        if file.suffix in (".py", ".config", ".pbtxt", ".md"):
            text = file.read_text()
            assert "{{" not in text, file
            assert "{%" not in text, file
            if file.suffix == ".py":
                ast.parse(text)
    assert len(json.loads((out / "client" / "vectors.json").read_bytes())["vectors"]) == 2


def test_folders_are_those_that_servers_look_for(tmp_path: Path) -> None:
    for kind, files in {
        "tfserving": [
            "models/my_image/7/saved_model.pb",
            "models/my_image/7/assets.extra/tf_serving_warmup_requests",
        ],
        "triton": ["models/my_image/7/model.bin", "models/my_image/config.pbtxt"],
        "onnxruntime": ["model.onnx", "service.py"],
    }.items():
        (tmp_path / kind).mkdir()
        out = kit(kind, "image", tmp_path / kind)
        assert all((out / file).is_file() for file in files), kind


@pytest.mark.parametrize(
    ("name", "batch", "dims"),
    [
        ("image", 32, "8, 8, 3"),
        ("quantized", 0, "1, 4, 4, 1"),
        ("state", 0, "2, -1, 4"),
        ("text", 0, "-1, -1"),
    ],
)
def test_only_what_has_a_free_batch_first_is_stacked(
    name: str, batch: int, dims: str, tmp_path: Path
) -> None:
    out = kit("triton", name, tmp_path)
    text = (out / f"models/my_{name}/config.pbtxt").read_text()
    assert f"max_batch_size: {batch}" in text
    assert f"dims: [ {dims} ]" in text
    assert ("dynamic_batching" in text) is bool(batch)


def client(out: Path, module: str, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module of a kit's client."""
    if module != "vectors":
        monkeypatch.setitem(sys.modules, "vectors", client(out, "vectors", monkeypatch))
    found = types.ModuleType(module)
    found.__file__ = str(out / "client" / f"{module}.py")
    exec(compile(Path(found.__file__).read_text(), module, "exec"), found.__dict__)
    return found


def test_both_bodies_hold_the_vectors_and_answers_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = kit("tfserving", "image", tmp_path)
    rest, vectors = (client(out, module, monkeypatch) for module in ("rest", "vectors"))
    call = vectors.INDEX["vectors"][0]
    given, expected = vectors.arrays(call["inputs"]), vectors.arrays(call["outputs"])
    whole, rows = (json.loads(json.dumps(body(given))) for body in (rest.columns, rest.instances))
    np.testing.assert_array_equal(np.float32(whole["inputs"]["image"]), given["image"])
    np.testing.assert_array_equal(np.float32(rows["instances"][0]["image"]), given["image"][0])
    listed = expected["scores"].tolist()
    for answer in ({"outputs": listed}, {"outputs": {"scores": listed}}, {"predictions": listed}):
        found = rest.outputs(answer)
        assert found["scores"].dtype == np.float32
        vectors.check(call, found)
    with pytest.raises(ValueError, match="scores: shape"):
        vectors.check(call, {"scores": expected["scores"][0]})
    with pytest.raises(ValueError, match="dB, below 20 dB"):
        vectors.check(call, {"scores": -expected["scores"]})


def test_crc32c_is_that_of_the_standard() -> None:
    assert warmup.crc32c(b"123456789") == 0xE3069283
    assert warmup.crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


def messages(content: bytes) -> dict[int, list[Any]]:
    """Fields of a message by number: bytes, or an integer."""
    found: dict[int, list[Any]] = {}
    reader = WireReader(content, {})
    for number, wire, span in reader.fields(Span(0, len(content))):
        own = content[span.start : span.end]
        found.setdefault(number, []).append(own if wire == LENGTH else reader.varint(*span)[0])
    return found


def test_warmup_requests_are_records_of_messages() -> None:
    values = np.arange(300, dtype=np.float32).reshape(1, 300)
    content = warmup.warmup_file("model", [{"x": values}], {"x": "key"})
    (length,) = struct.unpack_from("<Q", content)
    assert len(content) == 8 + 4 + length + 4
    log = messages(content[12 : 12 + length])
    request = messages(messages(log[6][0])[1][0])
    assert messages(request[1][0]) == {1: [b"model"], 3: [b"serving_default"]}
    entry = messages(request[2][0])
    tensor = messages(entry[2][0])
    assert entry[1] == [b"key"]
    assert tensor[1] == [1]
    assert tensor[4] == [values.tobytes()]
    assert [messages(dim)[1] for dim in messages(tensor[2][0])[2]] == [[1], [300]]
