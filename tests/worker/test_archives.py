"""Archives that a worker unpacks: all of them, and no more than their headers say."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from convertkit.artifacts.digest import hash_path
from convertkit.artifacts.tensors import read_npz
from convertkit.worker.archives import inflate
from convertkit.workers.sample_files import InflateJob


def unpacked(path: Path) -> Path:
    """The archive, nothing in it compressed."""
    out = path.with_name("plain.npz")
    inflate(InflateJob(str(path), hash_path(path)[0], str(out)))
    return out


def test_what_was_compressed_and_what_was_not_are_the_same_arrays(tmp_path: Path) -> None:
    arrays = {"x": np.arange(12.0).reshape(3, 4), "labels": np.arange(3), "none": np.zeros((0, 2))}
    for write in (np.savez, np.savez_compressed):
        write(tmp_path / "s.npz", **arrays)
        out = unpacked(tmp_path / "s.npz")
        found = read_npz(out)
        assert list(found) == list(arrays)
        for name, expected in arrays.items():
            np.testing.assert_array_equal(found[name], expected)
        with zipfile.ZipFile(out) as archive:
            assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}


def test_no_more_is_unpacked_than_the_header_says(tmp_path: Path) -> None:
    """The limit on a file counts what its headers say."""
    path, values = tmp_path / "s.npz", np.zeros(1 << 20, np.float32)
    np.savez_compressed(path, image=values)
    size = (values.nbytes + 128).to_bytes(4, "little")
    assert path.read_bytes().count(size) == 2
    path.write_bytes(path.read_bytes().replace(size, (1000).to_bytes(4, "little")))
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        unpacked(path)
    assert (tmp_path / "plain.npz").stat().st_size < 2000
