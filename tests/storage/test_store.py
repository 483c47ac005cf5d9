"""The store of hops: what was put comes back, and nothing that goes wrong with it stops a run."""

import os
import shutil
import subprocess
import sys

import pytest

from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.storage import store as module
from convertkit.storage.store import Store, StoredHop, default_root, hop_key
from tests.storage import contend

HOP = StoredHop(
    Signature((TensorSpec("x", "float32", ("batch", 3)),), (TensorSpec("y", "int8", (1,), scale=0.5),)),
    "onnx2tf",
    {"batch": "dynamic", "slim": True},
    ("a remark",),
    1.5,
    1000,
)
PARTS = {"stage": "a_to_b", "options": {"x": 1, "y": [1, 2]}, "source": "ff", "versions": {"torch": "2.13"}}


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache" / "hops"


@pytest.fixture
def store(root):
    return Store(root)


@pytest.fixture
def artifact(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"weights")
    return path


def test_what_was_put_comes_back(store, artifact, tmp_path):
    store.put("key", artifact, HOP)
    artifact.unlink()
    out = tmp_path / "out.onnx"
    assert store.get("key", out) == HOP
    assert out.read_bytes() == b"weights"


def test_folders_and_sidecars_come_back(store, tmp_path):
    folder = tmp_path / "model.savedmodel"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "data").write_bytes(b"weights")
    store.put("folder", folder, HOP)
    assert store.get("folder", tmp_path / "out.savedmodel") == HOP
    assert (tmp_path / "out.savedmodel" / "variables" / "data").read_bytes() == b"weights"

    (tmp_path / "model.onnx").write_bytes(b"graph")
    (tmp_path / "model.onnx.data").write_bytes(b"large")
    store.put("sidecar", tmp_path / "model.onnx", HOP)
    out = tmp_path / "out" / "model.onnx"
    out.parent.mkdir()
    assert store.get("sidecar", out) == HOP
    assert out.with_name("model.onnx.data").read_bytes() == b"large"


def test_an_unknown_key_is_nothing(store, artifact, tmp_path):
    assert store.get("key", tmp_path / "out") is None
    store.put("key", artifact, HOP)
    assert store.get("other", tmp_path / "out") is None
    assert not (tmp_path / "out").exists()


def test_a_second_put_replaces_the_first(store, artifact, tmp_path, root):
    store.put("key", artifact, HOP)
    artifact.write_bytes(b"newer")
    store.put("key", artifact, HOP)
    store.get("key", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"newer"
    assert store.kept() == ["key"]


def test_drop(store, artifact, tmp_path):
    store.put("key", artifact, HOP)
    store.drop("key")
    store.drop("key")
    assert store.get("key", tmp_path / "out") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff", b'{"signature": null}'])
def test_a_corrupt_record_is_nothing_and_leaves_nothing(store, artifact, tmp_path, root, content):
    store.put("key", artifact, HOP)
    (root / "key" / module.RECORD).write_bytes(content)
    assert store.get("key", tmp_path / "out") is None
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("part", ["artifact", "hop.json", "sha256", "artifact/variables/data"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "grown", "gone"])
def test_a_damaged_entry_is_nothing_and_can_be_put_again(store, tmp_path, root, part, damage):
    """A record that still decodes and an artifact that still loads would ship, or fail, as if whole."""
    made = tmp_path / "made"
    if "/" in part:
        (made / "variables").mkdir(parents=True)
        (made / "variables" / "data").write_bytes(b"weights")
    else:
        made.write_bytes(b"weights")
    store.put("key", made, HOP)
    harm(root / "key" / part, damage)
    out = tmp_path / "out"
    assert store.get("key", out) is None
    assert not out.exists()
    store.put("key", made, HOP)
    assert store.get("key", out) == HOP


def test_a_damaged_entry_is_put_aside_and_a_few_stay(store, artifact, tmp_path, root):
    for number in range(module.MOST_DAMAGED + 2):
        store.put("key", artifact, HOP)
        harm(root / "key" / "artifact", "flipped")
        assert store.get("key", tmp_path / "out") is None
        assert len(store.quarantined) == number + 1
    assert store.kept() == []
    aside = list((root / module.DAMAGED).iterdir())
    assert len(aside) == module.MOST_DAMAGED
    assert (aside[0] / "entry" / "artifact").read_bytes() != b"weights"


def test_a_whole_entry_that_cannot_be_copied_out_is_not_put_aside(store, artifact, tmp_path):
    store.put("key", artifact, HOP)
    assert store.get("key", tmp_path / "no" / "folder" / "out") is None
    assert store.quarantined == []
    assert store.get("key", tmp_path / "out") == HOP


def harm(file, damage):
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
        return
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    file.write_bytes({"cut": content[:-1], "flipped": flipped, "grown": content + b"x"}[damage])


def test_an_entry_of_before_there_were_seals_is_nothing(store, artifact, tmp_path, root):
    store.put("key", artifact, HOP)
    (root / "key" / module.SEAL).unlink()
    assert store.get("key", tmp_path / "out") is None


def test_a_missing_artifact_is_nothing(store, artifact, tmp_path, root):
    store.put("key", artifact, HOP)
    (root / "key" / module.CONTENT).unlink()
    assert store.get("key", tmp_path / "out") is None
    assert not (tmp_path / "out").exists()


def test_a_copy_that_fails_halfway_leaves_nothing(store, tmp_path, monkeypatch):
    (tmp_path / "model.onnx").write_bytes(b"graph")
    (tmp_path / "model.onnx.data").write_bytes(b"large")
    store.put("key", tmp_path / "model.onnx", HOP)
    copy, out = shutil.copyfile, tmp_path / "out.onnx"

    def fail_at_the_sidecar(source, target):
        if str(source).endswith(".data"):
            raise OSError(28, "No space left on device")
        return copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", fail_at_the_sidecar)
    assert store.get("key", out) is None
    assert not out.exists()


def test_a_root_that_cannot_be_written_is_no_error(artifact, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    store = Store(blocked / "hops")
    store.put("key", artifact, HOP)
    assert store.get("key", tmp_path / "out") is None
    store.drop("key")
    assert blocked.read_text() == "no folder"


def test_a_full_disk_leaves_nothing_half_written(store, artifact, root, monkeypatch, tmp_path):
    def refuse(source, target):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "copy_artifact", refuse)
    store.put("key", artifact, HOP)
    assert list(root.iterdir()) == []


def test_a_read_only_store_still_gives(store, artifact, tmp_path, monkeypatch):
    store.put("key", artifact, HOP)

    def refuse(*arguments, **options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "utime", refuse)
    assert store.get("key", tmp_path / "out") == HOP


class TestPrune:
    def put(self, store, root, tmp_path, name, size, age):
        path = tmp_path / "content"
        path.write_bytes(bytes(size))
        store.put(name, path, HOP)
        if (root / name).exists():
            os.utime(root / name, (age, age))

    def test_the_longest_unused_goes_first(self, store, root, tmp_path, monkeypatch):
        for age, name in enumerate(("old", "middle", "new"), start=1000):
            self.put(store, root, tmp_path, name, 10_000, age)
        monkeypatch.setattr(module, "LARGEST_BYTES", 35_000)
        self.put(store, root, tmp_path, "newest", 10_000, 2000)
        assert set(store.kept()) == {"middle", "new", "newest"}

    def test_use_keeps_an_entry(self, store, root, tmp_path, monkeypatch):
        for age, name in enumerate(("old", "middle", "new"), start=1000):
            self.put(store, root, tmp_path, name, 10_000, age)
        store.get("old", tmp_path / "out")
        monkeypatch.setattr(module, "LARGEST_BYTES", 35_000)
        self.put(store, root, tmp_path, "newest", 10_000, 2000)
        assert set(store.kept()) == {"old", "new", "newest"}

    def test_nothing_goes_while_there_is_room(self, store, root, tmp_path):
        for name in "abc":
            self.put(store, root, tmp_path, name, 10, 1000)
        assert len(store.kept()) == 3


class TestKey:
    def test_the_same_parts_give_the_same_key_in_any_order(self):
        assert hop_key(**PARTS) == hop_key(**dict(reversed(PARTS.items())))
        assert len(hop_key(**PARTS)) == 64

    @pytest.mark.parametrize(
        "change",
        [
            {"stage": "a_to_c"},
            {"options": {"x": 2, "y": [1, 2]}},
            {"options": {"x": 1, "y": [2, 1]}},
            {"options": {"x": 1}},
            {"source": "fe"},
            {"versions": {"torch": "2.14"}},
            {"versions": {}},
            {"calibration": None},
            {"calibration": "ab"},
        ],
    )
    def test_any_other_part_gives_another_key(self, change):
        assert hop_key(**{**PARTS, **change}) != hop_key(**PARTS)

    @pytest.mark.parametrize("name", ["machine", "python_version"])
    def test_so_does_another_machine_or_python(self, monkeypatch, name):
        before = hop_key(**PARTS)
        monkeypatch.setattr(f"platform.{name}", lambda: "other")
        assert hop_key(**PARTS) != before

    def test_callers_parts_are_left_alone(self):
        parts = dict(PARTS)
        hop_key(**parts)
        assert parts == PARTS


def test_the_environment_variable_names_the_root(monkeypatch, tmp_path):
    monkeypatch.setenv("CONVERTKIT_CACHE", str(tmp_path))
    assert default_root() == tmp_path
    monkeypatch.delenv("CONVERTKIT_CACHE")
    assert default_root().name == "hops"
    assert "convertkit" in str(default_root())


def test_processes_that_contend_make_each_artifact_once_and_mix_none(root, tmp_path):
    made, rounds, keys = tmp_path / "made", 5, 3
    command = [sys.executable, "-m", "tests.storage.contend", str(root), str(rounds), str(keys), str(made)]
    processes = [subprocess.Popen(command) for _ in range(8)]
    assert [process.wait() for process in processes] == [0] * 8
    assert sorted(made.read_text().split()) == sorted(f"{a}-{b}" for a in range(rounds) for b in range(keys))


def test_readers_see_the_old_or_the_new_entry_while_it_is_replaced(store, tmp_path):
    old = tmp_path / "old"
    contend.make(old, b"1")
    store.put("key", old, HOP)
    code = (
        "import sys; from pathlib import Path; from tests.storage import contend, test_store as t;"
        "s = t.Store(Path(sys.argv[1])); made = Path(sys.argv[2]); contend.make(made, b'2');"
        "[s.put('key', made, t.HOP) for _ in range(30)]"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(store.root), str(tmp_path / "new")])
    reads = 0
    while writer.poll() is None or not reads:
        out = tmp_path / f"out-{reads}"
        assert store.get("key", out) == HOP
        assert contend.is_of_one_piece(out)
        shutil.rmtree(out)
        reads += 1
    assert writer.returncode == 0
    assert store.quarantined == []
