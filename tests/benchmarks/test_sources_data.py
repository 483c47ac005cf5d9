"""Forms of data: each row is read, or refused in one line, as it says; some of them through a whole run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.sources_data import CASES, DataCase, inputs_of, model_of, tried
from benchmarks.sources_data_forms import FIRST, IMAGES, LABELS, SECOND
from convertkit.artifacts.signature import TensorSpec
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import ConvertkitError
from convertkit.run.handed_samples import samples_as_files
from convertkit.samples.reading import read_samples
from convertkit.samples.samples import Samples

WITHOUT_TORCH = [case for case in CASES if case.needs != "torch"]
WITH_TORCH = [case for case in CASES if case.needs == "torch"]
WHOLE = ("loader", "pt-dict", "class-folders")  # the others differ in how they are read alone
INPUTS = {
    "image": (TensorSpec("x", "float32", ("batch", 3, 8, 8)),),
    "two": tuple(TensorSpec(name, "float32", ("batch", 4)) for name in "ab"),
}


def read(case: DataCase, folder: Path, model: Any) -> Samples:
    """The samples of a row as a run takes them in."""
    words: Any = {"samples": case.build(folder), "inputs": inputs_of(case)}
    if model is None:
        words["inputs"] = tuple(spec.describe() for spec in INPUTS[case.model])
    with samples_as_files(words, model) as (files, _):
        samples, _ = read_samples(Path(files["samples"]), INPUTS[case.model], SampleOptions())
        samples.take(range(samples.count))
        return samples


def check(case: DataCase, folder: Path, model: Any) -> None:
    """What a row says of its samples holds."""
    if case.refused:
        with pytest.raises(ConvertkitError, match=case.refused) as caught:
            read(case, folder, model)
        assert "\n" not in str(caught.value)
        return
    samples = read(case, folder, model)
    assert samples.count == case.count
    assert (samples.labels is not None) == case.is_labelled
    if case.count == len(LABELS):
        check_values(case, samples)


def check_values(case: DataCase, samples: Samples) -> None:
    """The very samples, in order; of images and of half precision, as many."""
    wanted = {"x": IMAGES} if case.model == "image" else {"a": FIRST, "b": SECOND}
    for name, values in samples.take(range(samples.count)).items():
        if "folder" in case.given:
            assert values.shape == IMAGES.shape
        else:
            exact = 1e-2 if "bfloat16" in case.name else 0
            np.testing.assert_allclose(values, wanted[name], rtol=exact, atol=exact)
    if samples.labels is not None:
        assert np.asarray(samples.labels).tolist() == labels_of(case)


def labels_of(case: DataCase) -> list[int]:
    """The class of each sample; a folder's are sorted by their class."""
    return sorted(LABELS.tolist()) if "folder" in case.given else LABELS.tolist()


def test_there_are_enough_and_none_stands_twice() -> None:
    assert len([case for case in CASES if not case.refused]) >= 20
    assert len({case.name for case in CASES}) == len({case.given for case in CASES}) == len(CASES)
    assert set(WHOLE) < {case.name for case in CASES}


@pytest.mark.parametrize("case", WITHOUT_TORCH, ids=lambda case: case.name)
def test_what_is_read_of_it(case: DataCase, tmp_path: Path) -> None:
    check(case, tmp_path, None)


@pytest.mark.slow
@pytest.mark.parametrize("case", WITH_TORCH, ids=lambda case: case.name)
def test_what_is_read_of_pytorchs(case: DataCase, tmp_path: Path) -> None:
    check(case, tmp_path, model_of(case))


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_it_converts(name: str, tmp_path: Path) -> None:
    row = tried(next(case for case in CASES if case.name == name), tmp_path)
    assert (row.code, row.fault) == (0, ""), row.told
