"""What jobs of one source have in common: made once, read again, nothing half written."""

from __future__ import annotations

import numpy as np

from convertkit.stages.shared_calibration import Shared


def never():
    raise AssertionError


def test_the_float_file_is_made_once(tmp_path):
    assert Shared(tmp_path / "common").float_file(lambda: b"content") == b"content"
    assert Shared(tmp_path / "common").float_file(never) == b"content"
    assert Shared(tmp_path / "other").float_file(lambda: b"other") == b"other"


def test_ranges_are_those_of_a_file(tmp_path):
    ranges = {
        "a/b;c": {"min": np.array([[-1.5]], np.float32), "max": np.array([[2.0]], np.float32)},
        "tokens": {"min": np.array([0]), "max": np.array([7])},
    }
    Shared(tmp_path).ranges(b"file", lambda: ranges)
    found = Shared(tmp_path).ranges(b"file", never)
    assert list(found) == list(ranges)
    for name, ends in ranges.items():
        for end, values in ends.items():
            assert found[name][end].dtype == values.dtype
            assert found[name][end].shape == values.shape
            assert np.array_equal(found[name][end], values)
    assert Shared(tmp_path).ranges(b"another", dict) == {}


def test_without_a_folder_nothing_is_kept():
    assert Shared(None).float_file(lambda: b"one") == b"one"
    assert Shared(None).float_file(lambda: b"two") == b"two"
