"""A run's folder: what ships, what is rejected, and what never stays behind."""

from pathlib import Path

import pytest

from convertkit.errors import UsageError
from convertkit.folder import RunFolder


def made(folder, name="made.onnx", content="new"):
    path = folder.scratch / name
    path.write_text(content)
    return path


def test_accepted_and_rejected_artifacts(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        assert folder.accept(made(folder), "model.onnx") == tmp_path / "run" / "model.onnx"
        assert folder.reject(made(folder), "model.tflite") == tmp_path / "run" / "rejected" / "model.tflite"
    assert (tmp_path / "run" / "model.onnx").read_text() == "new"
    assert not (tmp_path / "run" / "model.tflite").exists()
    assert folder.relative(tmp_path / "run" / "rejected" / "model.tflite") == "rejected/model.tflite"


def test_a_rejected_artifact_takes_an_older_one_from_the_name_that_ships(tmp_path):
    (tmp_path / "model.onnx").write_text("of an earlier run")
    (tmp_path / "model.onnx.data").write_text("of an earlier run")
    with RunFolder(tmp_path) as folder:
        folder.reject(made(folder), "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
    assert not (tmp_path / "model.onnx.data").exists()
    assert (tmp_path / "rejected" / "model.onnx").read_text() == "new"


def test_rejects_of_an_earlier_run_are_removed(tmp_path):
    (tmp_path / "rejected").mkdir()
    (tmp_path / "rejected" / "model.onnx").write_text("old")
    with RunFolder(tmp_path) as folder:
        folder.accept(made(folder), "model.onnx")
    assert not (tmp_path / "rejected").exists()


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt, SystemExit])
def test_scratch_is_removed_however_the_run_ends(tmp_path, error):
    def run():
        with RunFolder(tmp_path / "run") as folder:
            made(folder)
            folder.accept(made(folder, "other"), "model.onnx")
            if error:
                raise error

    if error:
        with pytest.raises(error):
            run()
    else:
        run()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["model.onnx"]


@pytest.mark.parametrize("depth", ["run", "a/b/run"])
def test_a_run_that_fails_early_leaves_no_folder(tmp_path, depth):
    def run():
        with RunFolder(tmp_path / depth) as folder:
            (folder.logs / "worker.log").touch()
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        run()
    assert list(tmp_path.iterdir()) == []


def test_folders_that_were_there_before_stay(tmp_path):
    (tmp_path / "a").mkdir()
    with RunFolder(tmp_path / "a" / "run"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert list((tmp_path / "a").iterdir()) == []


def test_logs_with_something_in_them_survive_a_failure(tmp_path):
    def run():
        with RunFolder(tmp_path / "run") as folder:
            (folder.logs / "hop.log").write_text("a traceback")
            (folder.logs / "empty.log").touch()
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        run()
    assert [path.name for path in (tmp_path / "run" / "logs").iterdir()] == ["hop.log"]


@pytest.mark.parametrize("name", ["file", "file/run", "file/a/run"])
def test_a_folder_that_cannot_be_written_is_a_usage_error(tmp_path, name):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UsageError, match="cannot write to") as caught, RunFolder(tmp_path / name):
        pass
    assert "-o" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_filled_is_left_as_it_was(tmp_path, monkeypatch):
    def refuse(**options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(UsageError, match="No space left"), RunFolder(tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_path_is_absolute_whatever_the_current_folder_becomes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with RunFolder(Path("run")) as folder:
        assert folder.path == tmp_path / "run"
        assert folder.scratch.is_absolute()
