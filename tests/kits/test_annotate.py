"""Metadata in a `.tflite`: read back field by field, and nothing of the file itself has changed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest

from convertkit.errors import ModelFileError
from convertkit.kits.annotate import NAME, annotate, head_before
from convertkit.sources import inspect_source
from convertkit.sources.flatbuffer import Table, root
from tests.kits.conftest import SIGNATURES, TOLD, subject_of, tflite_file
from tests.sources.flat import flatbuffer


def text(table: Table | None, field: int) -> str:
    assert table is not None
    start, size = table.vector(field, 1)
    return bytes(table.content[start : start + size]).decode()


def said_of(content: bytes) -> Table:
    """The metadata that a `.tflite` names."""
    model = root(memoryview(content))
    (entry,) = [each for each in model.tables(6) if text(each, 0) == NAME.decode()]
    buffer = list(model.tables(4))[entry.integer(1, 4)]
    start, size = buffer.vector(0, 1)
    assert start % 16 == 0
    said = content[start : start + size]
    assert said[4:8] == b"M001"
    return root(memoryview(said))


def floats(table: Table, field: int) -> list[float]:
    start, count = table.vector(field, 4)
    return np.frombuffer(table.content[start : start + 4 * count], "<f4").tolist()


def annotated(name: str, folder: Path, **changes: object) -> bytes:
    subject = msgspec.structs.replace(subject_of(name, folder), **changes)
    annotate(subject, subject.artifact)
    return subject.artifact.read_bytes()


def test_the_file_itself_is_as_it_was(name: str, tmp_path: Path) -> None:
    made = tflite_file(*SIGNATURES[name])
    content = annotated(name, tmp_path)
    at = content.index(made)
    assert at % 64 == 0
    model, old = root(memoryview(content)), root(memoryview(made))
    assert model.integer(0, 4) == 3
    assert [each.start - at for each in model.tables(4)][:-1] == [each.start for each in old.tables(4)]
    assert [each.start - at for each in model.tables(2)] == [each.start for each in old.tables(2)]
    assert [text(each, 0) for each in model.tables(6)] == ["min_runtime_version", "TFLITE_METADATA"]
    assert text(model, 3) == "a test"
    (tmp_path / "again.tflite").write_bytes(content)
    assert str(inspect_source(tmp_path / "again.tflite").kind) == "tflite"


def test_names_stand_in_the_order_of_the_graph(name: str, tmp_path: Path) -> None:
    said = said_of(annotated(name, tmp_path))
    (graph,) = said.tables(3)
    for field, specs in zip((2, 3), SIGNATURES[name], strict=True):
        assert [text(each, 0) for each in graph.tables(field)] == [spec.name for spec in specs][::-1]
    assert (text(said, 0), text(said, 7)) == (f"my_{name}", "1.0.0")


def test_an_image_has_its_normalisation_and_classes_their_labels(tmp_path: Path) -> None:
    content = annotated("image", tmp_path, preprocessing=msgspec.structs.replace(TOLD, color="rgb"))
    (graph,) = said_of(content).tables(3)
    (image,), (scores,) = graph.tables(2), graph.tables(3)
    assert text(image, 1) == "float32 [batch, 8, 8, 3]"
    kind = image.table(3)
    assert kind is not None
    assert kind.integer(0, 1) == 2
    properties = kind.table(1)
    assert properties is not None
    assert properties.integer(0, 1) == 1
    (unit,) = image.tables(4)
    options = unit.table(1)
    assert options is not None
    assert unit.integer(0, 1) == 1
    assert (floats(options, 0), floats(options, 1)) == ([127.5], [63.75])
    (labels,) = scores.tables(6)
    assert (text(labels, 0), labels.integer(2, 1)) == ("labels.txt", 2)
    (tmp_path / "model.tflite").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "model.tflite") as archive:
        assert archive.read("labels.txt").decode() == "cat\ndög\n"


def test_labels_that_no_output_has_so_many_of_are_no_ones(tmp_path: Path) -> None:
    (graph,) = said_of(annotated("image", tmp_path, labels=("a", "b", "c"))).tables(3)
    assert [list(each.tables(6)) for each in graph.tables(3)] == [[]]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({0: 3, 2: [{0: [], 3: []}], 4: [{}], 6: [{0: NAME, 1: 0}]}, "has TFLite Metadata already"),
        ({0: 3, 2: [{0: [], 3: []}], 4: [{1: 4096}]}, "lie behind the flatbuffer"),
    ],
)
def test_files_that_take_none(fields: dict[int, object], said: str) -> None:
    content = flatbuffer(fields)
    if 1 in fields[4][0]:  # type: ignore[index]
        content += bytes(64)
    with pytest.raises(ModelFileError, match=said):
        head_before(content, b"metadata")


def test_a_file_without_a_signature(tmp_path: Path) -> None:
    subject = subject_of("image", tmp_path)
    subject.artifact.write_bytes(flatbuffer({0: 3, 2: [{0: [], 3: []}], 4: [{}]}))
    with pytest.raises(ModelFileError, match="without a signature"):
        annotate(subject, subject.artifact)
