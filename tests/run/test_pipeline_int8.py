"""Whole runs to INT8 in PyTorch and ONNX: what ships is within a point of the source, and loads elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

import convertkit
from convertkit.errors import InputError
from convertkit.report.report import HopRecord, Report
from tests.conftest import FIXTURES

pytestmark = pytest.mark.slow

TARGETS = ("onnx:int8", "torch:int8", "torch:int8-dynamic")
SAMPLES = FIXTURES / "digits" / "samples.npz"
QUICK = ("bench.rounds=2", "bench.warmup_s=0.01")


def hops(report: Report) -> dict[str, HopRecord]:
    """The hops to the three targets."""
    return {record.target: record for record in report.hops if record.target in TARGETS}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    """The digits model from its state dict, and the folder of the run."""
    out = tmp_path_factory.mktemp("digits")
    report = convertkit.convert(
        FIXTURES / "digits" / "model.state_dict.pt",
        to=TARGETS,
        factory="fixtures.models:digits",
        samples=SAMPLES,
        out=out,
        settings=QUICK,
    )
    return report, out


def test_all_three_pass_within_a_point_with_a_dynamic_batch(digits: tuple[Report, Path]) -> None:
    assert digits[0].status == "passed", [record.error for record in digits[0].hops]
    assert set(hops(digits[0])) == set(TARGETS)
    for target, record in hops(digits[0]).items():
        assert record.accuracy is not None
        assert record.accuracy.drop <= 0.01, target
        assert all(axis.kept for axis in record.dynamic_axes), target
        assert record.artifact is not None
        assert record.artifact.size_ratio < 1, target
        assert len(record.attempts) == 1, target
    names = {"model.int8.onnx", "model.int8.pt", "model.int8-dynamic.pt"}
    assert names <= {path.name for path in digits[1].iterdir()}


def test_the_notes_name_engine_and_coverage(digits: tuple[Report, Path]) -> None:
    records = hops(digits[0])
    assert "10 of 10 operators with weights are INT8" in records["onnx:int8"].notes
    for target, share in (("torch:int8", "100%"), ("torch:int8-dynamic", "5%")):
        coverage, engine = records[target].notes
        assert f"INT8, {share} of their values" in coverage
        assert engine == "engine: x86"
    assert len([note for note in digits[0].notes if "deprecated upstream" in note]) == 1


@pytest.mark.parametrize("name", ["digits", "mlp"])
def test_pt2e_makes_the_same_variants_as_programs_that_need_no_trust(name: str, tmp_path: Path) -> None:
    source, samples = FIXTURES / name / "model.pt2", FIXTURES / name / "samples.npz"
    report = convertkit.convert(
        source, to=TARGETS[1:], samples=samples, backend="pt2e", out=tmp_path, settings=QUICK
    )
    assert report.status == "passed", [record.error for record in report.hops]
    assert not [note for note in report.notes if "torch.ao" in note]
    for target, record in hops(report).items():
        assert record.converter == "pt2e"
        assert "100% of their values" in record.notes[0]
        assert all(axis.kept for axis in record.dynamic_axes), target
        if name == "digits":
            assert record.accuracy is not None
            assert record.accuracy.drop <= 0.01
        else:
            assert record.artifact is not None
            assert record.artifact.size_ratio <= 0.30
    judgement = convertkit.validate(source, tmp_path / "model.int8.pt", samples=samples)  # in fresh workers
    assert judgement.reason == ""


def test_what_was_made_is_a_program_to_others(digits: tuple[Report, Path]) -> None:
    source, made = FIXTURES / "digits" / "model.pt2", digits[1] / "model.int8.pt"
    with pytest.raises(InputError, match="PackedParams"):  # its C++ loading code checks too little
        convertkit.validate(source, made, samples=SAMPLES)
    judgement = convertkit.validate(source, made, samples=SAMPLES, allow_code=True)
    assert judgement.reason == ""


def test_a_stored_hop_is_opened_as_it_was_made(tmp_path: Path) -> None:
    runs = [
        convertkit.convert(
            FIXTURES / "mlp" / "model.pt2",
            to=TARGETS,
            samples=FIXTURES / "mlp" / "samples.npz",
            out=tmp_path / name,
            settings=QUICK,
        )
        for name in ("first", "second")
    ]
    for record in hops(runs[1]).values():
        assert record.cached
        assert record.status == "passed"
        assert record.artifact is not None
        assert record.artifact.size_ratio <= 0.30
