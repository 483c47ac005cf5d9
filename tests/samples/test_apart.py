"""Samples of two files: one calibrates, the other validates, and nothing is in both."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import convertkit
from convertkit.artifacts.tensors import read_npz
from convertkit.calibration.checks import check_calibration
from convertkit.cli import cli
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import ConvertkitError, SamplesError, UsageError
from convertkit.samples.apart import UNLABELLED, joined, split
from convertkit.samples.reading import read_samples
from convertkit.samples.samples import Samples
from tests.conftest import FIXTURES

DIGITS = FIXTURES / "digits" / "samples.npz"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """300 digits to validate with, the other 240 to calibrate with, without labels."""
    arrays = read_npz(DIGITS)
    np.savez(tmp_path / "validate.npz", image=arrays["image"][:300], labels=arrays["labels"][:300])
    np.savez(tmp_path / "calibrate.npz", image=arrays["image"][300:])
    return tmp_path / "validate.npz", tmp_path / "calibrate.npz"


def read(path: Path, calibration: Path) -> Samples:
    return read_samples(path, (), SampleOptions(calibration_samples=str(calibration)))[0]


def test_each_row_does_what_its_file_is_for(files: tuple[Path, Path]) -> None:
    samples, options = read(*files), SampleOptions()
    rows = split(samples, options, needs_calibration=True)
    assert (len(rows.calibration), len(rows.validation)) == (128, 300)
    arrays = read_npz(DIGITS)["image"]
    assert min(rows.calibration) >= 300 > max(rows.validation)
    assert np.array_equal(samples.take(rows.calibration)["image"], arrays[list(rows.calibration)])
    assert split(samples, options, needs_calibration=False).calibration == ()
    assert max(split(samples, options, needs_calibration=False).validation) < 300
    few = split(samples, SampleOptions(calibration=9, validation=7), needs_calibration=True)
    assert (len(few.calibration), len(few.validation)) == (9, 7)


def test_labels_are_those_that_validate(files: tuple[Path, Path]) -> None:
    samples = read(*files)
    assert samples.labels is not None
    assert set(samples.labels[300:].tolist()) == {UNLABELLED}
    assert samples.labels[:300].min() == 0
    rows = split(samples, SampleOptions(), needs_calibration=True)
    assert check_calibration(samples, rows, SampleOptions()) == ()


def test_the_same_file_twice_is_an_error(files: tuple[Path, Path]) -> None:
    with pytest.raises(SamplesError, match=r"validate.npz is given to validate and to calibrate"):
        read(files[0], files[0].parent / "." / "validate.npz")


def test_so_is_a_copy_of_it(files: tuple[Path, Path]) -> None:
    files[1].write_bytes(files[0].read_bytes())
    with pytest.raises(SamplesError, match="have the same content"):
        read(*files)


@pytest.mark.parametrize(("shared", "said"), [(0, []), (1, ["duplicates"])])
def test_one_sample_in_both_is_a_warning(files: tuple[Path, Path], shared: int, said: list[str]) -> None:
    images = read_npz(DIGITS)["image"]
    np.savez(files[1], image=np.concatenate([images[:shared], images[400:500]]))
    samples = read(*files)
    rows = split(samples, SampleOptions(), needs_calibration=True)
    found = check_calibration(samples, rows, SampleOptions())
    assert [finding.check for finding in found] == said
    assert all("1 validation samples are calibration samples too" in each.message for each in found)


def test_sizes_that_do_not_go_together() -> None:
    first, second = (
        Samples("file", digest, {"x": np.ones((4, size), np.float32)})
        for digest, size in (("a", 3), ("b", 5))
    )
    with pytest.raises(SamplesError, match=r"'x' has samples of \[5\] to calibrate with and of \[3\]"):
        joined(first, second)


def test_nothing_to_validate_with_is_a_usage_error(files: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="none to validate with"):
        read_samples(None, (), SampleOptions(calibration_samples=str(files[1])))


def test_the_flag_reaches_the_check(files: tuple[Path, Path]) -> None:
    model = str(FIXTURES / "digits" / "model.pt2")
    words = ["samples", "check", str(files[0]), "--calibration-samples", str(files[0]), "--model", model]
    result = CliRunner().invoke(cli, words, standalone_mode=False)
    assert isinstance(result.exception, ConvertkitError)
    assert result.exception.exit_code == 6


@pytest.mark.slow
def test_a_run_records_both(files: tuple[Path, Path], tmp_path: Path) -> None:
    report = convertkit.convert(
        FIXTURES / "digits" / "model.pt2",
        to="onnx:int8",
        samples=files[0],
        calibration_samples=files[1],
        out=tmp_path / "run",
        settings=("bench.rounds=2", "bench.warmup_s=0.01"),
    )
    assert report.status == "passed"
    given = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    assert [report.samples.sha256, report.samples.calibration_sha256] == given
    assert (report.samples.calibration, report.samples.validation) == (128, 300)
    seen = read_npz(tmp_path / "run" / "repro" / "calibration.npz")["image"]
    theirs = {row.tobytes() for row in read_npz(files[1])["image"]}
    assert {row.tobytes() for row in seen} <= theirs
    assert given[1] in (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
