"""Publishing: what stands under a final name is the old artifact or the whole new one."""

import pytest

from convertkit.storage import atomic
from convertkit.storage.atomic import publish


def folder_of(path, content):
    (path / "variables").mkdir(parents=True)
    (path / "graph").write_text(content)
    return path


def test_a_file_takes_the_place_of_another(tmp_path):
    (tmp_path / "made").write_text("new")
    (tmp_path / "model").write_text("old")
    publish(tmp_path / "made", tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model").read_text() == "new"


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_takes_the_place_of_another(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(atomic, "exchange", lambda one, other: False)
    publish(folder_of(tmp_path / "made", "new"), folder_of(tmp_path / "model", "old"))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "graph").read_text() == "new"


def test_the_kernel_exchanges_folders_here(tmp_path):
    one, other = folder_of(tmp_path / "one", "1"), folder_of(tmp_path / "other", "2")
    assert atomic.exchange(one, other)
    assert (one / "graph").read_text() == "2"


@pytest.mark.parametrize("before", ["nothing", "file", "pair", "folder"])
@pytest.mark.parametrize("after", ["file", "pair", "folder"])
def test_every_kind_takes_the_place_of_every_kind(tmp_path, before, after):
    for name, kind in (("model", before), ("made", after)):
        if kind == "folder":
            folder_of(tmp_path / name, name)
        elif kind != "nothing":
            (tmp_path / name).write_text(name)
        if kind == "pair":
            (tmp_path / f"{name}.data").write_text(name)
    publish(tmp_path / "made", tmp_path / "model")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == ({"model", "model.data"} if after == "pair" else {"model"})
    assert all(f.read_text() == "made" for f in tmp_path.rglob("*") if f.is_file())


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_disk_that_is_full_at_the_sync_leaves_the_old_one(tmp_path, monkeypatch, kind):
    for name in ("made", "model"):
        folder_of(tmp_path / name, name) if kind == "folder" else (tmp_path / name).write_text(name)

    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        publish(tmp_path / "made", tmp_path / "model")
    file = tmp_path / "model" / "graph" if kind == "folder" else tmp_path / "model"
    assert file.read_text() == "model"
