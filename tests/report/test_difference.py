"""Two runs beside each other: what counts as worse, and what the command says of it."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from convertkit.artifacts.pixels import Pixels
from convertkit.cli import cli
from convertkit.errors import UsageError
from convertkit.measurement.latency import Latency
from convertkit.report.difference import Allowed, Run, differ
from convertkit.report.report import (
    FILE_NAME,
    SIGNATURE_FILE,
    ArtifactRecord,
    ArtifactSignature,
    HopRecord,
    Report,
    write_json,
)
from convertkit.validation.accuracy import Accuracy
from tests.report.test_report import X, Y, hop, report

TARGET = "tflite:int8"


def sized(size: int) -> HopRecord:
    return hop(
        artifact=ArtifactRecord(path="model.int8.tflite", sha256="ab", size_bytes=size, size_ratio=1.0)
    )


def timed(p50: float, low: float, high: float) -> HopRecord:
    return hop(latency=(Latency("cpu", 1, 1, p50, (low, high), p50, p50, 72, 4096),))


def accurate(value: float) -> HopRecord:
    return hop(accuracy=Accuracy("top1", value, 0.0, "y"))


def run(record: Report, inputs=(X,), outputs=(Y,)) -> Run:
    entry = ArtifactSignature(path="model.int8.tflite", variant=TARGET, inputs=inputs, outputs=outputs)
    return Run(record, {TARGET: entry})


def regressions(before: Run, after: Run, allowed: Allowed | None = None) -> list[str]:
    return [change.figure for change in differ(before, after, allowed or Allowed()).regressions]


BASE = run(report(hop()))


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (hop(), hop(), []),
        (sized(1000), sized(1019), []),
        (sized(1000), sized(1021), ["size"]),
        (sized(1021), sized(1000), []),
        (timed(1.0, 0.99, 1.01), timed(1.2, 1.18, 1.22), ["latency"]),
        (timed(1.0, 0.9, 1.1), timed(1.2, 1.1, 1.3), []),  # the interval of the ratio holds 1.0
        (timed(1.2, 1.18, 1.22), timed(1.0, 0.99, 1.01), []),
        (accurate(0.97), accurate(0.966), []),
        (accurate(0.97), accurate(0.96), ["accuracy"]),
        (hop(), hop(status="failed"), ["status"]),
        (hop(status="failed"), hop(), []),
    ],
)
def test_worse_is_what_is_beyond_the_allowance(before: HopRecord, after: HopRecord, found: list[str]):
    assert regressions(run(report(before)), run(report(after))) == found


def test_an_artifact_that_is_not_there_any_more_is_a_regression():
    assert regressions(BASE, run(report())) == ["status"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"name": "picture"}, "picture in place of x"),
        ({"dtype": "float16"}, "dtype float16, was float32"),
        ({"shape": (1, 3)}, "shape (1, 3), was ('batch', 3)"),
        ({"axis_order": (1, 0)}, "axis order (1, 0), was None"),
        ({"scale": 0.5, "zero_point": 0}, "quantized values"),
        ({"pixels": Pixels(255.0, (0.5,), (0.5,))}, "another normalisation inside"),
    ],
)
def test_any_change_of_the_signature_is_a_regression(changes: dict[str, object], word: str):
    after = run(report(hop()), inputs=(msgspec.structs.replace(X, **changes),))
    found = differ(BASE, after, Allowed()).regressions
    assert [change.figure for change in found] == ["signature"]
    assert word in found[0].detail


def test_another_order_of_outputs_is_a_regression():
    other = msgspec.structs.replace(Y, name="z")
    assert regressions(run(report(hop()), outputs=(Y, other)), run(report(hop()), outputs=(other, Y))) == [
        "signature"
    ]


def test_another_scale_is_none():
    other = msgspec.structs.replace(Y, scale=0.25)
    assert regressions(BASE, run(report(hop()), outputs=(other,))) == []


def test_latency_of_another_machine_is_not_compared():
    slow = report(timed(9.0, 8.9, 9.1))
    other = msgspec.structs.replace(
        slow, environment=msgspec.structs.replace(slow.environment, cpu="another")
    )
    found = differ(run(report(timed(1.0, 0.99, 1.01))), run(other), Allowed())
    assert found.regressions == ()
    assert found.environment == {"cpu": ("a CPU", "another")}
    assert any("latency is not compared" in note for note in found.notes)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    found = []
    for name, record in (("before", report(sized(1000))), ("after", report(sized(1100)))):
        folder = tmp_path / name
        folder.mkdir()
        write_json(record, folder / FILE_NAME)
        write_json(list(run(record).signatures.values()), folder / SIGNATURE_FILE)
        found.append(folder)
    return found[0], found[1]


def compared(*words: object):
    return CliRunner().invoke(cli, ["compare", *map(str, words)], standalone_mode=False)


def test_the_command_fails_on_a_regression_unless_it_is_allowed(folders: tuple[Path, Path]):
    result = compared(*folders)
    assert result.return_value == 7
    assert result.output.splitlines()[-1] == f"REGRESSED: {TARGET} size"
    result = compared(*folders, "--max-regression", "size=0.2")
    assert result.return_value == 0
    assert result.output.splitlines()[-1].startswith("PASSED")
    assert compared(*folders[::-1]).return_value == 0


def test_as_json_the_figures_are_those_of_the_reports(folders: tuple[Path, Path]):
    result = compared(*folders, "--json")
    assert result.return_value == 7
    size = next(each for each in json.loads(result.output)["changes"] if each["figure"] == "size")
    assert (size["before"], size["after"], size["is_regression"]) == (1000, 1100, True)


@pytest.mark.parametrize("limit", ["speed=1", "size", "size=-1", "size=nan", "size=x"])
def test_a_limit_that_is_none_is_refused(folders: tuple[Path, Path], limit: str):
    assert isinstance(compared(*folders, "--max-regression", limit).exception, UsageError)


def test_what_is_not_there_is_named(folders: tuple[Path, Path], tmp_path: Path):
    error = compared(folders[0], tmp_path / "nothing").exception
    assert isinstance(error, UsageError)
    assert "nothing: no such file or folder" in error.message
    assert "-o folders" in error.hint


def test_a_run_is_not_compared_with_a_file(folders: tuple[Path, Path], tmp_path: Path):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"")
    assert isinstance(compared(folders[0], file).exception, UsageError)
