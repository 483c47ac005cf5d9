"""Tensors of an ONNX file that lie in other files: every one is found, and none is read from elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import pytest

from convertkit.errors import ModelFileError
from convertkit.sources import inspect_source
from convertkit.sources.onnx_external import external_files

PLACES = ("initializer", "constant", "subgraph", "function", "sparse", "list")


def tensor(name: str, location: str, **entries: str) -> onnx.TensorProto:
    made = onnx.TensorProto(name=name, data_type=1, dims=[2], data_location=onnx.TensorProto.EXTERNAL)
    for key, value in {"location": location, "offset": "0", "length": "8", **entries}.items():
        made.external_data.add(key=key, value=value)
    return made


def model_with(place: str, outside: onnx.TensorProto) -> bytes:
    """A model that keeps one tensor elsewhere, at that place."""
    graph = onnx.GraphProto(name="g")
    model = onnx.ModelProto(ir_version=10, graph=graph)
    node = onnx.NodeProto(op_type="Constant")
    if place == "initializer":
        model.graph.initializer.append(outside)
    elif place == "sparse":
        model.graph.sparse_initializer.add(values=outside, indices=onnx.TensorProto(dims=[2], data_type=7))
    else:
        if place == "list":
            node.attribute.add(name="values").tensors.append(outside)
        elif place == "subgraph":
            node.attribute.add(name="body").g.initializer.append(outside)
        else:
            node.attribute.add(name="value").t.CopyFrom(outside)
        (model.functions.add(name="f") if place == "function" else model.graph).node.append(node)
    return model.SerializeToString()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(bytes(8))
    (tmp_path / "secret").write_bytes(bytes(8))
    return tmp_path / "model"


def write(folder: Path, place: str, location: str, **entries: str) -> Path:
    path = folder / "m.onnx"
    path.write_bytes(model_with(place, tensor("w", location, **entries)))
    return path


@pytest.mark.parametrize("place", PLACES)
def test_every_place_is_found_and_known_to_the_source(folder: Path, place: str) -> None:
    path = write(folder, place, "weights")
    assert external_files(path) == ("weights",)
    assert inspect_source(path).external == ("weights",)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "sub/../../secret", "", "..\\secret"])
def test_no_path_leads_out_of_the_folder(folder: Path, place: str, location: str) -> None:
    with pytest.raises(ModelFileError, match="not a path below the model's folder") as caught:
        inspect_source(write(folder, place, location))
    assert caught.value.exit_code == 6


@pytest.mark.parametrize("place", PLACES)
def test_no_link_is_followed(folder: Path, place: str) -> None:
    (folder / "link").symlink_to(folder.parent / "secret")
    (folder / "up").symlink_to(folder.parent)
    for location in ("link", "up/secret"):
        with pytest.raises(ModelFileError, match="reached by a link"):
            external_files(write(folder, place, location))


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"offset": "4"}, "the file ends before it"),
        ({"length": "9"}, "the file ends before it"),
        ({"offset": "-1"}, "its offset is '-1'"),
        ({"length": "99999999999999999999999"}, "its length is"),
        ({"length": "0x8"}, "its length is '0x8'"),
        ({"offset": "²"}, "its offset is '²'"),
    ],
)
def test_what_is_asked_of_the_file_is_in_it(folder: Path, entries: dict[str, str], words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        external_files(write(folder, "constant", "weights", **entries))


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_it_is_a_regular_file(folder: Path, kind: str) -> None:
    if kind == "folder":
        (folder / "other").mkdir()
    elif kind == "pipe":
        os.mkfifo(folder / "other")
    with pytest.raises(ModelFileError, match=r"not a file|no such file"):
        external_files(write(folder, "subgraph", "other"))


def test_a_graph_in_two_parts_is_no_way_round(folder: Path) -> None:
    """A parser would merge both."""
    hidden = model_with("initializer", tensor("w", "../secret"))
    path = folder / "m.onnx"
    path.write_bytes(
        onnx.ModelProto(ir_version=10, graph=onnx.GraphProto(name="g")).SerializeToString() + hidden
    )
    with pytest.raises(ModelFileError, match="stands twice"):
        external_files(path)
