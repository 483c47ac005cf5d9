"""Forms of data: each row is read, and converts or is refused in one line, as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.sources_data import CASES, DataCase, tried
from benchmarks.sources_data_forms import FIRST, IMAGES, LABELS, SECOND
from convertkit.errors import SamplesError
from convertkit.run.handed_samples import is_path
from convertkit.samples.handed import read_handed

LIMIT = 640
IN_MEMORY = [case for case in CASES if case.needs != "torch"]


def test_there_are_enough_and_none_stands_twice() -> None:
    assert len([case for case in CASES if not case.refused]) >= 20
    assert {case.name for case in CASES} == {case.name for case in (*IN_MEMORY, *RUN)}
    assert len({case.name for case in CASES}) == len({case.given for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", IN_MEMORY, ids=lambda case: case.name)
def test_what_is_read_of_it(case: DataCase, tmp_path: Path) -> None:
    given = case.build(tmp_path)
    if is_path(given):
        pytest.skip("a path is read by the readers of files")
    inputs = 1 if case.model == "image" else 2
    if case.refused and case.name != "number":  # which has no samples, as is seen with its values
        with pytest.raises(SamplesError, match=case.refused):
            read_handed(given, LIMIT, inputs)
        return
    handed = read_handed(given, LIMIT, inputs)
    assert (handed.labels is not None) == case.is_labelled
    if case.count == len(LABELS):
        handed = handed.joined() if case.name == "list-of-equal-batches" else handed
        check_values(case, [np.asarray(values) for values in handed.arrays.values()])
        assert handed.labels is None or handed.labels.tolist() == LABELS.tolist()


def check_values(case: DataCase, arrays: list[np.ndarray]) -> None:
    """The very samples, in order."""
    wanted = [IMAGES] if case.model == "image" else [FIRST, SECOND]
    for values, expected in zip(arrays[::-1] if case.name == "dict" else arrays, wanted, strict=True):
        if case.name != "number":
            np.testing.assert_array_equal(values, expected)


# Rows that only a whole run reads: of files, and of what is PyTorch's; `make sources` runs them all.
RUN = [case for case in CASES if case.given.startswith("--") or case.needs == "torch" or case.refused]


@pytest.mark.slow
@pytest.mark.parametrize("case", RUN, ids=lambda case: case.name)
def test_it_converts_or_says_why_not(case: DataCase, tmp_path: Path) -> None:
    result = tried(case, tmp_path).result
    assert "\n" not in result
    if case.refused:
        assert case.refused in result
    else:
        assert result == f"passed, {case.count} samples{' with labels' if case.is_labelled else ''}"
