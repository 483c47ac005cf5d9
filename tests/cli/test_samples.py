"""`convertkit samples check`, and the same checks before a hop that calibrates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from click.testing import CliRunner, Result

import convertkit
from convertkit import api
from convertkit.artifacts.tensors import read_npz
from convertkit.cli import cli
from convertkit.config.run_settings import CheckName
from convertkit.errors import ConvertkitError, SamplesError, UsageError
from convertkit.report.report import HopRecord, Report
from convertkit.workers.pool import Workers
from tests.conftest import FIXTURES, ROOT

DIGITS = FIXTURES / "digits" / "model.pt2"
SAMPLES = FIXTURES / "digits" / "samples.npz"
Change = Callable[[np.ndarray], np.ndarray]


def check(path: Path, *arguments: object, model: Path = DIGITS) -> Result:
    """Run the verb."""
    words = ["samples", "check", str(path), "--model", str(model), *map(str, arguments)]
    return CliRunner().invoke(cli, words, standalone_mode=False)


def checked(path: Path, *arguments: object) -> Any:
    """The verb's JSON."""
    return json.loads(check(path, "--json", *arguments).stdout)


@pytest.fixture
def spoiled(tmp_path: Path) -> Callable[..., Path]:
    """The digits with a change, in a new file."""

    def write(change: Change, *, labels: bool = True, rows: Any = slice(None)) -> Path:
        arrays = read_npz(SAMPLES)
        image = np.ascontiguousarray(change(arrays["image"][rows]), np.float32)
        path = tmp_path / "samples.npz"
        np.savez(path, image=image, **({"labels": arrays["labels"][rows]} if labels else {}))
        return path

    return write


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting any worker fails the test."""

    def refuse(*_: object) -> None:
        raise AssertionError("a worker was started")

    monkeypatch.setattr(Workers, "start", refuse)
    monkeypatch.setattr(Workers, "ask", refuse)


def convert(path: Path, out: Path, *settings: str, to: str = "tflite:int8") -> Report:
    """A run on the digits."""
    return convertkit.convert(
        DIGITS,
        to=to,
        samples=path,
        out=out,
        settings=("bench.rounds=2", "bench.warmup_s=0.01", *settings),
    )


def repeat(values: np.ndarray) -> np.ndarray:
    """One sample, again and again."""
    return np.repeat(values[:1], len(values), 0)


def with_nan(values: np.ndarray) -> np.ndarray:
    """One NaN."""
    values = values.copy()
    values[9, 0, 3, 3] = np.nan
    return values


ONE_CLASS = read_npz(SAMPLES)["labels"] == 3

BEFORE_ANY_WORKER = [
    pytest.param(np.zeros_like, {}, "all zeros", id="zeros"),
    pytest.param(lambda x: x * 255, {"labels": False}, "multiplied by 255", id="scale"),
    pytest.param(lambda x: (x - 0.5) / 0.5, {"labels": False}, "normalised twice", id="twice"),
    pytest.param(with_nan, {}, "NaN or Inf, first in sample 9", id="nan"),
    pytest.param(repeat, {}, "the same sample", id="repeated"),
    pytest.param(lambda x: x, {"rows": slice(3)}, "3 samples leave 1", id="three"),
    pytest.param(lambda x: x, {"rows": ONE_CLASS}, "the same label, 3", id="one-class"),
]
BY_THE_MODEL = [
    pytest.param(lambda x: x * 255, ("range", "accuracy"), "divided by 255", id="scale"),
    pytest.param(lambda x: (x - 0.5) / 0.5, ("range", "accuracy"), "normalised twice", id="twice"),
    pytest.param(lambda x: (x + 1) / 2, ("accuracy",), "not normalised", id="not-normalised"),
    pytest.param(lambda x: x.swapaxes(2, 3), ("accuracy",), "transposed", id="transposed"),
]


@pytest.mark.usefixtures("no_worker")
class TestBeforeAnyWorker:
    @pytest.mark.parametrize(("change", "how", "words"), BEFORE_ANY_WORKER)
    @pytest.mark.parametrize("to", ["tflite:int8", "tflite:int16x8"])
    def test_convert_stops(
        self, spoiled: Callable[..., Path], tmp_path: Path, change: Change, how: Any, words: str, to: str
    ) -> None:
        with pytest.raises(SamplesError) as caught:
            convert(spoiled(change, **how), tmp_path / "run", to=to)
        assert words in caught.value.message
        assert caught.value.exit_code == 6
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(("change", "how", "words"), BEFORE_ANY_WORKER)
    def test_samples_check_says_the_same(
        self, spoiled: Callable[..., Path], change: Change, how: Any, words: str
    ) -> None:
        result = check(spoiled(change, **how))
        if isinstance(result.exception, ConvertkitError):  # samples that cannot even be read
            assert words in result.exception.message
            assert result.exception.exit_code == 6
        else:
            assert result.return_value == 6
            assert words in result.output
            assert "1 error" in result.output

    def test_json(self, spoiled: Callable[..., Path]) -> None:
        found = checked(spoiled(np.zeros_like))
        assert (found["count"], found["calibration"], found["validation"]) == (540, 128, 412)
        assert found["has_run"] is False
        (finding,) = found["findings"]
        assert set(finding) == {"check", "severity", "input", "message", "hint"}
        assert (finding["check"], finding["severity"], finding["input"]) == ("constant", "error", "image")

    def test_a_check_of_no_such_name(self, spoiled: Callable[..., Path]) -> None:
        result = check(spoiled(np.zeros_like), "--set", "sampling.accept=[ranges]")
        assert isinstance(result.exception, UsageError)
        assert "sampling.accept" in result.exception.message

    def test_integer_targets_without_samples_stay_usage_errors(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="needs real samples"):
            api.convert(DIGITS, to="tflite:int8", out=tmp_path / "run")


def test_the_docs_have_a_row_for_every_check() -> None:
    text = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    for name in get_args(CheckName):
        assert f"| `{name}` |" in text


@pytest.mark.slow
class TestByTheModel:
    def test_good_samples_without_labels(self) -> None:
        result = check(FIXTURES / "two_inputs" / "samples.npz", model=FIXTURES / "two_inputs" / "model.pt2")
        assert result.return_value == 0, result.output
        assert result.stdout.splitlines()[1] == "no finding"

    def test_accepted_by_name(self, spoiled: Callable[..., Path]) -> None:
        path = spoiled(lambda x: x * 255, labels=False)
        result = check(path, "--set", "sampling.accept=[range]")
        assert result.return_value == 0
        assert "accepted  range" in result.output
        assert "1 accepted" in result.output

    def test_ranges_that_grow_inside_the_model_are_a_warning(self, tmp_path: Path) -> None:
        random = np.random.default_rng(0)
        scale = np.exp(random.normal(0, 1.5, (48, 1)))  # each sample as wide as chance will have it
        pixels = (random.random((48, 784)) * scale).astype(np.float32)
        np.savez(tmp_path / "samples.npz", pixels=pixels)
        result = check(tmp_path / "samples.npz", model=FIXTURES / "mlp" / "model.pt2")
        assert result.return_value == 0, result.output
        assert "warning   activations  activation ranges still grow" in result.output
        assert "of 3 layers by over 20%" in result.output
        assert "from 12 to 24" in result.output

    @pytest.mark.parametrize(("change", "checks", "words"), BY_THE_MODEL)
    def test_labels_name_the_mistake(
        self, spoiled: Callable[..., Path], change: Change, checks: tuple[str, ...], words: str
    ) -> None:
        found = checked(spoiled(change))
        assert tuple(each["check"] for each in found["findings"]) == checks
        assert all(each["severity"] == "error" for each in found["findings"])
        assert found["has_run"] is True
        assert words in found["findings"][-1]["message"]

    def test_the_same_without_a_mistake(self) -> None:
        found = checked(SAMPLES)
        assert found["findings"] == []
        assert found["has_run"] is True

    def test_convert_stops_before_the_first_hop(self, spoiled: Callable[..., Path], tmp_path: Path) -> None:
        with pytest.raises(SamplesError, match="also: accuracy"):
            convert(spoiled(lambda x: x * 255), tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_float_targets_are_not_held_to_it(self, spoiled: Callable[..., Path], tmp_path: Path) -> None:
        report = convert(spoiled(lambda x: x * 255), tmp_path / "run", to="onnx")
        assert report.status == "passed"
        assert report.notes == ()


@pytest.mark.slow
class TestRunsThatGoOn:
    def last(self, report: Report) -> HopRecord:
        """The hop that calibrates."""
        assert report.hops[-1].target == "tflite:int8"
        return report.hops[-1]

    def test_a_warning_is_in_the_notes(self, spoiled: Callable[..., Path], tmp_path: Path) -> None:
        report = convert(spoiled(lambda x: x, rows=slice(24)), tmp_path / "run")
        assert self.last(report).artifact is not None
        assert "calibration, warning (count)" in [note.partition(":")[0] for note in report.notes]

    def test_what_was_accepted_is_stamped(self, spoiled: Callable[..., Path], tmp_path: Path) -> None:
        path = spoiled(lambda x: x * 255, labels=False)
        report = convert(path, tmp_path / "run", "sampling.accept=[range]")
        assert self.last(report).artifact is not None
        (note,) = report.notes
        assert note.startswith("calibration, accepted by name (range): ")
        assert "accepted by name (range)" in (tmp_path / "run" / "report.md").read_text()

    def test_random_data_only_by_name_and_stamped(self, tmp_path: Path) -> None:
        report = convertkit.convert(
            FIXTURES / "mlp" / "model.pt2",
            to="tflite:int8",
            out=tmp_path / "run",
            settings=("sampling.synthetic_calibration=true", "bench.rounds=2", "bench.warmup_s=0.01"),
        )
        assert self.last(report).artifact is not None
        assert report.samples.origin == "synthetic"
        assert any("calibrated on random data" in note for note in report.notes)
