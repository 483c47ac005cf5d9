"""Files of other programs: one line that says what each is, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Inspect

from convertkit.errors import ModelFileError
from convertkit.sources import inspect_source
from convertkit.sources.strangers import SUFFIXES

ANY = b"\x00\x01\x02\x03 whatever lies in it \xff"
CONTENT = {
    "gguf": (b"GGUF\x03\x00\x00\x00", "GGUF"),
    "executorch": (b"\x30\x00\x00\x00ET12", "ExecuTorch"),
    "openvino": (b'<?xml version="1.0"?>\n<net name="m" version="11">', "OpenVINO"),
    "ncnn": (b"7767517\n75 83\n", "ncnn"),
    "hailo": (b"\x01HEF\x00", "Hailo"),
    "rockchip": (b"RKNN\x00", "Rockchip"),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_is_told_by_its_name(inspect: Inspect, suffix: str) -> None:
    with pytest.raises(ModelFileError) as caught:
        inspect(ANY, f"model{suffix}")
    assert SUFFIXES[suffix].what in caught.value.message
    assert caught.value.hint
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", CONTENT)
def test_or_by_its_first_bytes(inspect: Inspect, name: str) -> None:
    content, told = CONTENT[name]
    with pytest.raises(ModelFileError, match=told):
        inspect(content, "model-without-a-suffix")


@pytest.mark.parametrize(("beside", "told"), [(".xml", "OpenVINO"), (".param", "ncnn")])
def test_a_bin_by_what_lies_beside_it(tmp_path: Path, beside: str, told: str) -> None:
    (tmp_path / "model.bin").write_bytes(ANY)
    (tmp_path / f"model{beside}").write_bytes(ANY)
    with pytest.raises(ModelFileError, match=told):
        inspect_source(tmp_path / "model.bin")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Manifest.json", "Core ML"),
        ("checkpoint", "TensorFlow checkpoint"),
        ("openvino_model.xml", "OpenVINO"),
    ],
)
def test_folders_by_a_file_in_them(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(ModelFileError, match=told):
        inspect_source(tmp_path)


def test_a_folder_of_models_names_one(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(ANY)
    with pytest.raises(ModelFileError, match=r"holds 1 of them .give one of them: .*net\.onnx"):
        inspect_source(tmp_path)


def test_a_tensorflow_checkpoints_data(inspect: Inspect) -> None:
    with pytest.raises(ModelFileError, match="TensorFlow checkpoint"):
        inspect(ANY, "model.ckpt.data-00000-of-00001")
