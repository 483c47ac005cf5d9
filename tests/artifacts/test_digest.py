from __future__ import annotations

import hashlib
import os
from pathlib import Path

from convertkit.artifacts.digest import hash_path


def test_a_file_is_hashed_by_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * 3_000_000)
    assert hash_path(file) == (hashlib.sha256(b"x" * 3_000_000).hexdigest(), 3_000_000)


def folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def test_a_folder_is_hashed_by_names_and_bytes(tmp_path: Path) -> None:
    first = hash_path(folder(tmp_path / "a", {"x/1": b"ab", "y": b"c", "fingerprint.pb": b"1"}))
    same = hash_path(folder(tmp_path / "b", {"y": b"c", "x/1": b"ab", "fingerprint.pb": b"2"}))
    assert first == same
    assert first[1] == 3
    for number, files in enumerate([{"x/1": b"abc", "y": b""}, {"x/2": b"ab", "y": b"c"}, {"y": b"c"}]):
        assert hash_path(folder(tmp_path / str(number), files))[0] != first[0]


def test_what_is_no_file_is_passed_over(tmp_path: Path) -> None:
    plain = hash_path(folder(tmp_path / "a", {"y": b"c"}))
    os.mkfifo(tmp_path / "a" / "pipe")
    assert hash_path(tmp_path / "a") == plain
