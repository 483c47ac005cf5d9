"""Artifacts on disk: files, folders, and ONNX files with a sidecar."""

import pytest

from convertkit.artifacts.files import copy_artifact, move_artifact, remove_artifact, sidecar


@pytest.fixture(params=["file", "folder", "with sidecar"])
def artifact(request, tmp_path):
    path = tmp_path / "in" / "model.onnx"
    if request.param == "folder":
        (path / "sub").mkdir(parents=True)
        (path / "sub" / "data").write_text("content")
    else:
        path.parent.mkdir()
        path.write_text("content")
    if request.param == "with sidecar":
        sidecar(path).write_text("weights")
    return path


def read(path):
    """All that stands for an artifact: relative name to content."""
    files = [file for part in (path, sidecar(path)) for file in (part, *part.rglob("*")) if file.is_file()]
    return {str(file).removeprefix(str(path)): file.read_text() for file in files}


def test_a_copy_is_equal_and_the_original_stays(artifact, tmp_path):
    target = tmp_path / "model.onnx"
    before = read(artifact)
    assert before
    copy_artifact(artifact, target)
    assert read(target) == before
    assert read(artifact) == before


def test_a_move_takes_everything_along(artifact, tmp_path):
    target = tmp_path / "new" / "folder" / "model.onnx"
    before = read(artifact)
    move_artifact(artifact, target)
    assert read(target) == before
    assert list(artifact.parent.iterdir()) == []


def test_a_move_replaces_a_file_with_its_sidecar(artifact, tmp_path):
    target = tmp_path / "model.onnx"
    target.write_text("old")
    sidecar(target).write_text("old weights")
    before = read(artifact)
    move_artifact(artifact, target)
    assert read(target) == before


def test_a_move_replaces_a_folder_instead_of_moving_into_it(artifact, tmp_path):
    target = tmp_path / "model.onnx"
    target.mkdir()
    (target / "old").write_text("old")
    before = read(artifact)
    move_artifact(artifact, target)
    assert read(target) == before


def test_remove(artifact):
    remove_artifact(artifact)
    assert list(artifact.parent.iterdir()) == []
    remove_artifact(artifact)


def test_remove_does_not_follow_links(artifact, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(artifact, target_is_directory=artifact.is_dir())
    before = read(artifact)
    remove_artifact(link)
    assert not link.is_symlink()
    assert read(artifact) == before


def test_the_sidecar_stands_beside():
    from pathlib import Path

    assert sidecar(Path("a/model.int8.onnx")) == Path("a/model.int8.onnx.data")
