"""A run's folder: what ships, what is rejected, and what never stays behind."""

import os
import threading
from pathlib import Path

import pytest

from convertkit.errors import DiskFullError, StageError, UsageError
from convertkit.storage.run_folder import RunFolder


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
    with RunFolder(tmp_path) as folder:
        folder.reject(made(folder), "model.onnx")
    assert (tmp_path / "rejected" / "model.onnx").exists()
    with RunFolder(tmp_path) as folder:
        folder.accept(made(folder), "model.onnx")
    assert not (tmp_path / "rejected").exists()


def test_a_folder_of_that_name_that_the_user_made_stays_with_what_is_in_it(tmp_path):
    (tmp_path / "rejected").mkdir()
    (tmp_path / "rejected" / "mine.txt").write_text("mine")
    for _ in range(2):
        with RunFolder(tmp_path) as folder:
            folder.reject(made(folder), "model.onnx")
        assert (tmp_path / "rejected" / "mine.txt").read_text() == "mine"
        assert (tmp_path / "rejected" / "model.onnx").exists()


def test_what_a_killed_run_left_is_swept_by_the_next(tmp_path):
    for name in (".work-abc/x", ".old-1/y", "logs/.worker-torch-1/z", "report.json.partial"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("left")
    run(tmp_path)
    assert listing(tmp_path) == ["logs", "logs/hop.log", "model.onnx"]


def test_a_folder_where_another_run_writes_is_refused_or_waited_for(tmp_path):
    path = tmp_path / "run"
    with RunFolder(path):
        with pytest.raises(UsageError, match="is writing to") as caught, RunFolder(path, waits=False):
            pass
        assert f"process {os.getpid()} " in str(caught.value)
        assert path.is_dir()
    told = []
    holder = RunFolder(path).__enter__()

    def waiting(who):
        told.append(who)
        threading.Timer(0.1, holder.__exit__, (None, None, None)).start()

    with RunFolder(path, waiting=waiting) as folder:
        folder.accept(made(folder), "model.onnx")
    assert len(told) == 1
    assert (path / "model.onnx").read_text() == "new"


def test_one_that_waited_for_a_run_that_was_refused_makes_the_folder_anew(tmp_path):
    path = tmp_path / "run"
    holder = RunFolder(path).__enter__()

    def waiting(who):
        error = UsageError("no")
        threading.Timer(0.1, holder.__exit__, (UsageError, error, None)).start()

    with RunFolder(path, waiting=waiting) as folder:
        folder.accept(made(folder), "model.onnx")
    assert listing(path) == ["model.onnx"]


def run(path, error=None):
    """A run that accepts an artifact, writes a log, and may then raise."""
    with RunFolder(path) as folder:
        made(folder)
        folder.accept(made(folder, "other"), "model.onnx")
        (folder.logs / "hop.log").write_text("a traceback")
        (folder.logs / "empty.log").touch()
        if error:
            raise error


def listing(path):
    return sorted(str(file.relative_to(path)) for file in path.rglob("*"))


def test_scratch_and_empty_logs_are_removed(tmp_path):
    run(tmp_path / "run")
    assert listing(tmp_path / "run") == ["logs", "logs/hop.log", "model.onnx"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, UsageError("no")])
@pytest.mark.parametrize("depth", ["run", "a/b/run"])
def test_a_run_that_is_refused_or_interrupted_leaves_nothing_it_made(tmp_path, error, depth):
    with pytest.raises((ValueError, KeyboardInterrupt, SystemExit, UsageError)):
        run(tmp_path / depth, error)
    assert listing(tmp_path) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_was_there_before_stays_when_a_run_is_refused(tmp_path, error):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises((ValueError, KeyboardInterrupt)):
        run(tmp_path, error)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert not list(tmp_path.glob(".work-*"))


def test_a_stage_that_failed_leaves_its_log(tmp_path):
    with pytest.raises(StageError):
        run(tmp_path / "run", StageError("crashed"))
    assert "logs/hop.log" in listing(tmp_path / "run")
    assert "logs/empty.log" not in listing(tmp_path / "run")


def test_folders_that_were_there_before_stay(tmp_path):
    (tmp_path / "a").mkdir()
    with RunFolder(tmp_path / "a" / "run"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert list((tmp_path / "a").iterdir()) == []


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
    with pytest.raises(DiskFullError, match="no space on"), RunFolder(tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_path_is_absolute_whatever_the_current_folder_becomes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with RunFolder(Path("run")) as folder:
        assert folder.path == tmp_path / "run"
        assert folder.scratch.is_absolute()
