from __future__ import annotations

import os
from pathlib import Path

import handmade
import pytest
from conftest import Inspect

from convertkit.artifacts.formats import Format
from convertkit.errors import ModelFileError, RefusedError
from convertkit.sources import Kind, SourceFile, check_trusted, inspect_source

PLAIN = {
    "a.pt": (handmade.torch_zip(), Kind.STATE_DICT, Format.TORCH),
    "nested.pt": (handmade.torch_zip(handmade.NESTED), Kind.STATE_DICT, Format.TORCH),
    "old.pth": (handmade.legacy(), Kind.STATE_DICT, Format.TORCH),
    "a.pt2": (handmade.pt2(), Kind.EXPORTED_PROGRAM, Format.TORCH),
    "script.pt": (handmade.script(), Kind.TORCHSCRIPT, Format.TORCH),
    "a.safetensors": (handmade.safetensors(), Kind.SAFETENSORS, Format.TORCH),
    "a.tflite": (handmade.TFLITE, Kind.TFLITE, Format.TFLITE),
    "a.onnx": (handmade.ONNX, Kind.ONNX, Format.ONNX),
    "onnx-without-a-name": (handmade.ONNX, Kind.ONNX, Format.ONNX),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_files_are_told_by_content_and_pass(inspect: Inspect, name: str) -> None:
    content, kind, format = PLAIN[name]
    source = inspect(content, name)
    assert (source.kind, source.format, source.refusals) == (kind, format, ())
    assert source.size_bytes == len(content)
    assert len(source.sha256) == 64
    check_trusted(source, allow_code=False)


HTML = b"\n<!DOCTYPE html><html><body>Sign in</body></html>"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
UNUSABLE = {
    "empty": (b"", "an empty file"),
    "html": (HTML, "an HTML page, not a model: the download was probably a login or error page"),
    "xml": (b"<?xml version='1.0'?><Error/>", "an XML file"),
    "lfs": (LFS, "a git-lfs pointer"),
    "json": (b'{"error": "not found"}', "a JSON file"),
    "text": (b"hello, this is no model\n", "a text file"),
    "random": (b"\xfe\xed\xfa" * 50, "no model file that is known here"),
    "zip": (handmade.zip_bytes({"a.txt": b"x"}), "a zip archive, but not one that torch wrote"),
    "empty zip": (b"PK\x05\x06" + bytes(18), "the archive is empty"),
    "keras": (
        handmade.zip_bytes({"config.json": b"", "model.weights.h5": b""}),
        "a Keras file whose configuration is damaged",
    ),
    "gzip": (b"\x1f\x8b\x08" + bytes(20), "a compressed file"),
    "tar": (bytes(257) + b"ustar" + bytes(100), "a tar archive"),
    "truncated pt": (handmade.torch_zip()[:-40], "truncated"),
    "truncated pt2": (handmade.pt2()[:500], "truncated"),
    "truncated legacy": (handmade.legacy()[:60], "a damaged or truncated pickle"),
    "truncated safetensors": (handmade.safetensors()[:-1], "a truncated safetensors file"),
    "truncated tflite": (handmade.TFLITE[:12], "a truncated TFLite file"),
    "no tensors": (handmade.torch_zip(b"\x80\x02}."), "it holds no tensors"),
    "not torch's pickle": (b"\x80\x02}.", "a pickle, but not one that torch.save wrote"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_files_are_told_in_one_line(inspect: Inspect, name: str) -> None:
    content, told = UNUSABLE[name]
    with pytest.raises(ModelFileError) as caught:
        inspect(content, "model.pt")
    assert told in caught.value.message
    assert caught.value.exit_code == 6
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)


def test_hints_say_what_to_do(inspect: Inspect) -> None:
    with pytest.raises(ModelFileError, match="git lfs pull"):
        inspect(LFS)
    with pytest.raises(ModelFileError, match=r"model\.save"):
        inspect(b"anything", "net.keras")


def test_missing_and_unreadable_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelFileError, match=r"no such file .nothing in .* is called so"):
        inspect_source(tmp_path / "nothing.pt")
    (tmp_path / "best.pt").touch()
    with pytest.raises(ModelFileError, match=r"no such file .did you mean .*/best\.pt\?"):
        inspect_source(tmp_path / "bset.pt")
    with pytest.raises(ModelFileError, match=r"no such file .there is no folder .*/runs"):
        inspect_source(tmp_path / "runs" / "best.pt")
    (tmp_path / "best.pt").unlink()
    with pytest.raises(ModelFileError, match="a folder that is no SavedModel"):
        inspect_source(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ModelFileError, match="not a file"):
        inspect_source(tmp_path / "fifo")
    (tmp_path / "a.pt").write_bytes(handmade.torch_zip())
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ModelFileError, match="permission denied"):
        inspect_source(tmp_path / "a.pt")


@pytest.mark.parametrize("content", [handmade.torch_zip(), handmade.legacy(), handmade.script()])
def test_a_pickle_named_safetensors_is_refused(inspect: Inspect, content: bytes) -> None:
    source = inspect(content, "model.safetensors")
    assert source.kind is not Kind.SAFETENSORS
    assert source.refusals[0].startswith("it is named .safetensors but is a ")


def test_check_trusted_wants_consent() -> None:
    source = SourceFile(
        Kind.MODULE,
        refusals=("it wants A", "it wants B"),
        path="m.pt",
        format=Format.TORCH,
        sha256="0",
        size_bytes=1,
    )
    with pytest.raises(RefusedError, match="it wants A; it wants B") as caught:
        check_trusted(source, allow_code=False)
    assert caught.value.hint == "--allow-code if you trust where it came from"
    check_trusted(source, allow_code=True)
