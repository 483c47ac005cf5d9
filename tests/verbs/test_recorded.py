"""The artifacts of a run, measured and judged again by what the run recorded beside them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from convertkit import api, shipping
from convertkit.errors import ConvertkitError, UsageError
from convertkit.kits.write import write_kit
from convertkit.report.report import Report, write_json
from convertkit.verbs.opening import silent
from convertkit.verbs.recorded import recorded_source
from convertkit.verbs.validate import validate_run
from convertkit.words import worded_recipe
from tests.conftest import FIXTURES

pytestmark = pytest.mark.slow
QUICK = ["bench.rounds=2", "bench.warmup_s=0.01"]
ALONE = pytest.mark.parametrize("run", ["digits"], indirect=True)
"""For what does not depend on the model."""


@pytest.fixture(scope="module", params=["digits", "mlp", "transformer", "two_inputs"])
def run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Report, Path, Path]:
    """A fixture as ONNX, SavedModel and TFLite, in float32 and INT8; its folder, and its samples."""
    out = tmp_path_factory.mktemp("recorded") / "run"
    folder = FIXTURES / str(request.param)
    samples = folder / "samples.npz"
    asked = ["tflite:float32", "tflite:int8"]
    return api.convert(folder / "model.pt2", to=asked, samples=samples, out=out, settings=QUICK), out, samples


def files(report: Report, out: Path) -> dict[str, Path]:
    """The artifact of each hop."""
    return {hop.target: out / hop.artifact.path for hop in report.hops if hop.artifact is not None}


def test_each_is_measured_beside_each_without_samples(run: tuple[Report, Path, Path]) -> None:
    report, out, _ = run
    made = list(files(report, out).values())
    for order in (made, made[::-1]):
        rows = [row.latency[0] for row in api.bench(order, settings=QUICK)]
        assert [row.skipped for row in rows] == [None] * len(made)
        assert {row.batch for row in rows} == {1}


def test_judged_again_it_gets_the_figures_of_its_run(run: tuple[Report, Path, Path]) -> None:
    report, out, samples = run
    recipe = worded_recipe(samples=samples)
    found = {path.name: judgement for path, judgement in validate_run(out, recipe)}
    saved = {row.variant: row for row in api.gate(out).rows}
    for hop in report.hops:
        assert hop.artifact is not None
        judgement, row = found[hop.artifact.path], saved[hop.target]
        assert (not judgement.reason, not row.reason) == (hop.status == "passed",) * 2, hop.target
        assert judgement.accuracy == row.accuracy == hop.accuracy
        assert row.vs_source == hop.vs_source
        assert row.vs_previous == hop.vs_previous
        assert judgement.vs_source is not None
        assert hop.vs_source is not None
        for one, other in zip(judgement.vs_source.outputs, hop.vs_source.outputs, strict=True):
            assert one.sqnr_db == pytest.approx(other.sqnr_db, abs=3 if "float32" in hop.target else 0.1)


def test_its_samples_and_its_source_have_to_be_there(run: tuple[Report, Path, Path], tmp_path: Path) -> None:
    report, out, samples = run
    with pytest.raises(UsageError, match="was judged by"):
        validate_run(out, worded_recipe())
    moved = msgspec.structs.replace(
        report, source=msgspec.structs.replace(report.source, path=str(tmp_path / "gone.pt2"))
    )
    write_json(moved, tmp_path / "report.json")
    with pytest.raises(UsageError, match="is not there"):
        recorded_source(tmp_path)
    (tmp_path / "gone.pt2").write_bytes(samples.read_bytes())
    with pytest.raises(ConvertkitError):
        recorded_source(tmp_path)


def test_its_bundle_is_verified_and_compared(run: tuple[Report, Path, Path], tmp_path: Path) -> None:
    _, out, _ = run
    bundle = tmp_path / "model-1.0.0.ckb"
    shipping.bundle(out, bundle, only=["tflite:float32", "tflite:int8"])
    found = shipping.verify(bundle)
    assert found.exit_code == 0
    by_litert = [each for each in found.checked if each.runtime == "litert"]
    assert [(each.status, each.max_abs_error) for each in by_litert] == [("passed", 0.0)] * 2
    assert not api.compare(out, bundle).regressions
    write_kit(bundle, "python", tmp_path / "kit", silent)
    command = [sys.executable, "test_model.py"]
    done = subprocess.run(command, cwd=tmp_path / "kit", capture_output=True, text=True, check=False)
    assert done.stdout == "4 vectors passed\n", done.stderr


@ALONE
def test_the_folder_stands_for_what_it_ships_at_each_batch(run: tuple[Report, Path, Path]) -> None:
    report, out, _ = run
    rows = api.bench([out], batches=[1, 4], settings=[*QUICK, "bench.seconds=0.01"])
    assert [row.path for row in rows] == [str(path) for path in files(report, out).values()]
    for row in rows:
        timed = [one for one in row.latency if one.device == "cpu"]
        assert [(one.batch, one.threads, one.skipped) for one in timed] == [(1, 1, None), (4, 1, None)]
        assert row.is_measured
        assert row.start.skipped is None
        assert (row.start.memory_bytes or 0) > 0


@ALONE
def test_memory_does_not_depend_on_the_order(run: tuple[Report, Path, Path]) -> None:
    report, out, _ = run
    file = files(report, out)["tflite:float32"]
    first, second = api.bench([file, file], settings=[*QUICK, "bench.seconds=0.01"])
    assert second.start.memory_bytes == pytest.approx(first.start.memory_bytes, rel=0.5)
    assert second.start.runtime_bytes == pytest.approx(first.start.runtime_bytes, rel=0.5)


@ALONE
def test_two_artifacts_are_compared_by_running_both(run: tuple[Report, Path, Path]) -> None:
    report, out, samples = run
    made = files(report, out)
    quick = [*QUICK, "bench.seconds=0.01"]
    found = api.compare(made["tflite:float32"], made["tflite:int8"], samples=samples, settings=quick)
    figures = {change.figure: change for change in found.changes}
    assert figures["size"].after == made["tflite:int8"].stat().st_size
    assert figures["sqnr"].is_regression is False
    assert api.compare(out, out).regressions == ()
