"""`convertkit store`: what is kept, what is damaged, what goes."""

import json

import pytest
from click.testing import CliRunner

from convertkit.artifacts.signature import Signature
from convertkit.cli import cli
from convertkit.storage.store import Store, StoredHop

HOP = StoredHop(
    Signature((), ()), "dynamo", {}, (), 1.0, 0, parts={"stage": "torch_to_onnx", "target": "onnx:float32"}
)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVERTKIT_CACHE", str(tmp_path / "store"))
    made, store = tmp_path / "made", Store(tmp_path / "store")
    for key in ("aa", "bb", "cc"):
        made.write_bytes(key.encode() * 1_000_000)
        store.put(key, made, HOP)
    return store


def call(*arguments):
    return CliRunner().invoke(cli, ["store", *arguments], standalone_mode=False)


def test_list_and_path(store):
    lines = call("list").output.splitlines()
    assert len(lines) == 4
    assert "torch_to_onnx → onnx:float32" in lines[0]
    assert lines[-1].startswith("3 kept, 6.")
    entries = json.loads(call("list", "--json").output)
    assert {entry["key"] for entry in entries} == {"aa", "bb", "cc"}
    assert call("path").output.strip() == str(store.root)


def test_an_empty_store_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVERTKIT_CACHE", str(tmp_path / "none"))
    assert call("list").output.startswith("0 kept")
    assert call("verify").output == "0 whole, 0 damaged\n"
    assert call("prune").output == "0 removed\n"
    assert not (tmp_path / "none").exists()


def test_verify_puts_damaged_entries_aside_once(store):
    assert call("verify").return_value == 0
    (store.root / "bb" / "artifact").write_bytes(b"xx" * 1_000_000)
    result = call("verify")
    assert result.return_value == 5
    assert "2 whole, 1 damaged" in result.output
    assert set(store.kept()) == {"aa", "cc"}
    assert call("verify").return_value == 0


def test_prune_removes_the_longest_unused_and_what_was_put_aside(store):
    (store.root / "bb" / "artifact").unlink()
    call("verify")
    assert call("prune", "--to-mib", "3").output == "1 removed\n"
    assert len(store.kept()) == 1
    assert not (store.root / ".damaged").exists()
    assert call("prune", "--to-mib", "0").output == "1 removed\n"
    assert store.kept() == []
