"""Arrays on disk: what is read of them is what NumPy reads, and no more of them is in memory."""

import resource
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convertkit.samples import rows as module
from convertkit.samples.rows import JoinedRows, blocks, map_file

ARRAYS = {
    "image": np.arange(120, dtype=np.float32).reshape(5, 2, 3, 4),
    "turned": np.asfortranarray(np.arange(20, dtype=np.int64).reshape(5, 4)),
    "big_endian": np.arange(5, dtype=">i4"),
    "flags": np.arange(5) % 2 == 0,
    "number": np.float64(3.0),
    "empty": np.zeros((0, 3), np.float32),
}


def test_an_archive_is_what_numpy_reads(tmp_path):
    np.savez(tmp_path / "s.npz", **ARRAYS)
    found = map_file(tmp_path / "s.npz")
    assert list(found) == list(ARRAYS)
    for name, expected in ARRAYS.items():
        assert found[name].dtype == expected.dtype
        np.testing.assert_array_equal(found[name], expected)


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_is_what_numpy_reads(tmp_path, name):
    np.save(tmp_path / "s.npy", ARRAYS[name])
    np.testing.assert_array_equal(map_file(tmp_path / "s.npy")[""], ARRAYS[name])


def test_rows_are_copies_that_may_be_written_to(tmp_path):
    np.save(tmp_path / "s.npy", ARRAYS["image"])
    rows = map_file(tmp_path / "s.npy")[""]
    taken = rows[np.array([4, 0, 4])]
    np.testing.assert_array_equal(taken, ARRAYS["image"][[4, 0, 4]])
    taken[:] = 0
    np.testing.assert_array_equal(rows, ARRAYS["image"])


def test_a_member_whose_array_claims_what_lies_behind_it_is_refused(tmp_path):
    np.savez(tmp_path / "s.npz", a=np.zeros(64, np.float32), b=np.ones(64, np.float32))
    content = (tmp_path / "s.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive, zipfile.ZipFile(tmp_path / "s.npz") as source:
        archive.writestr("a.npy", source.read("a.npy").replace(b"(64,), ", b"(65,), "))
        archive.writestr("b.npy", source.read("b.npy"))
    assert b"(64,)" in content
    with pytest.raises(ValueError, match="claims more"):
        map_file(tmp_path / "t.npz")


def test_a_changed_byte_of_a_stored_member_is_found(tmp_path):
    np.savez(tmp_path / "s.npz", a=np.zeros(64, np.float32))
    content = bytearray((tmp_path / "s.npz").read_bytes())
    content[300] ^= 1
    (tmp_path / "s.npz").write_bytes(content)
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        map_file(tmp_path / "s.npz")


@pytest.mark.parametrize("header", [b"(" * 4000, b"{'descr': (" + b"-" * 9000, b"{'shape': 1L", b"\xff\n"])
def test_a_header_that_is_no_dictionary_is_an_error_of_the_file(tmp_path, header):
    length = len(header).to_bytes(2, "little")
    (tmp_path / "s.npy").write_bytes(b"\x93NUMPY\x01\x00" + length + header + bytes(64))
    with pytest.raises(ValueError):  # noqa: PT011 - whatever NumPy says of it
        map_file(tmp_path / "s.npy")


def test_nothing_is_unpacked_here(tmp_path):
    np.savez_compressed(tmp_path / "s.npz", **ARRAYS)
    with pytest.raises(ValueError, match="is compressed"):
        map_file(tmp_path / "s.npz")


def test_blocks_are_all_rows_in_order(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_BYTES", 2 * ARRAYS["image"][0].nbytes)
    found = list(blocks(ARRAYS["image"]))
    assert [(start, len(block)) for start, block in found] == [(0, 2), (2, 2), (4, 1)]
    np.testing.assert_array_equal(np.concatenate([block for _, block in found]), ARRAYS["image"])


@given(st.lists(st.integers(0, 6), max_size=9))
def test_joined_rows_are_those_of_the_concatenation(numbers):
    first, second = np.arange(8.0).reshape(4, 2), np.arange(8.0, 14.0).reshape(3, 2)
    rows = JoinedRows(first, second)
    whole = np.concatenate([first, second])
    assert (rows.shape, rows.ndim, rows.dtype, len(rows)) == (whole.shape, 2, whole.dtype, 7)
    np.testing.assert_array_equal(rows[np.array(numbers, int)], whole[numbers])


READ = """
import resource, sys
from pathlib import Path
from convertkit.samples.arrays import load_arrays
from convertkit.samples.samples import split_samples
from convertkit.config.run_settings import SampleOptions
resource.setrlimit(resource.RLIMIT_DATA, (300 << 20, 300 << 20))  # of memory that is the process's own
samples = load_arrays(Path(sys.argv[1]))
rows = split_samples(samples.count, SampleOptions(), needs_calibration=True)
taken = samples.take(rows.calibration)["x"]
print(samples.count, taken.shape, float(taken.sum()))
"""


@pytest.mark.parametrize("writer", [np.savez, np.savez_compressed])
def test_a_file_larger_than_memory_is_read(tmp_path, writer):
    values = np.zeros((1500, 100_000), np.float32)  # 600 MB, under a limit of 300 MB
    values[:, 0] = 1
    writer(tmp_path / "s.npz", x=values)
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY
    command = [sys.executable, "-c", READ, str(tmp_path / "s.npz")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1500", "(128,", "100000)", "128.0"]


def test_the_limit_of_that_test_is_one(tmp_path):
    code = READ.replace("load_arrays(Path(sys.argv[1]))", "__import__('numpy').zeros(150_000_000, 'f4')")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "MemoryError" in done.stderr
