"""Whole runs on sources that give NaN or Inf themselves, change in a call, or were left in training mode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

import convertkit
from convertkit.cli import cli
from convertkit.errors import ModelFileError
from convertkit.report.report import Report, exit_code, load_report
from tests.pytorch import odd_sources as odd

pytestmark = pytest.mark.slow

RANDOM = np.random.default_rng(0)
WORDS = RANDOM.standard_normal((32, 5, 8)).astype(np.float32)
LENGTHS = np.array([0] * 24 + list(range(1, 6)) + [2, 3, 4])
KEEP = np.arange(5)[None] < LENGTHS[:, None]
SIGNAL = RANDOM.standard_normal((32, 8)).astype(np.float32)
SILENT = np.where(np.arange(32)[:, None] < 3, 0, SIGNAL).astype(np.float32)
MASKED = {"x": WORDS, "keep": KEEP}
ACCEPTED = "gate.accept_nonfinite_source=true"


def saved(model: nn.Module, samples: dict[str, np.ndarray], folder: Path, form: str = "pt2") -> Path:
    """The model as a file, batch dynamic, beside its samples."""
    examples = tuple(torch.from_numpy(values[-3:]) for values in samples.values())
    np.savez(folder / "samples.npz", **samples)
    path = folder / f"model.{form}"
    if form == "pt":
        torch.jit.script(model).save(path)
        return path
    shapes = tuple({0: torch.export.Dim("batch", min=2)} for _ in examples)
    torch.export.save(torch.export.export(model, examples, dynamic_shapes=shapes), path)
    return path


def run(path: Path, *settings: str, to: str = "onnx") -> Report:
    """A run on a saved model."""
    return convertkit.convert(
        path,
        to=to,
        samples=path.parent / "samples.npz",
        out=path.parent / "run",
        settings=("bench.rounds=2", "bench.warmup_s=0.01", *settings),
    )


class TestNonfiniteSource:
    def test_the_first_line_names_samples_and_module(self, tmp_path: Path) -> None:
        report = run(saved(odd.MaskedRows().eval(), MASKED, tmp_path), to="tflite:float32")
        assert (report.status, exit_code(report)) == ("failed", 7)
        found = report.source.nonfinite
        assert found is not None
        assert (found.samples, found.of, found.nan) == (24, 32, 24)
        assert (found.module, found.operator, found.outputs) == ("attention", "softmax", ("output",))
        assert set(found.rows) <= set(range(24))
        assert {hop.error for hop in report.hops} == {found.reason}
        assert "NaN for 24 of 32 samples, first in 'attention' (softmax)" in found.reason
        assert found.note in report.notes
        assert load_report(tmp_path / "run").source.nonfinite == found

    @pytest.mark.parametrize("form", ["pt2", "pt"])
    def test_a_vector_by_its_length(self, form: str, tmp_path: Path) -> None:
        found = run(saved(odd.Normalized().eval(), {"x": SILENT}, tmp_path, form)).source.nonfinite
        assert found is not None
        assert (found.samples, set(found.rows)) == (3, {0, 1, 2})

    def test_one_weight_that_is_nan_where_every_sample_is(self, tmp_path: Path) -> None:
        report = run(saved(odd.BadWeight().eval(), {"x": SIGNAL}, tmp_path))
        found = report.source.nonfinite
        assert exit_code(report) == 7
        assert found is not None
        assert (found.samples, found.module, found.operator) == (32, "bad", "its weights")

    def test_an_infinity_of_log_counts_and_one_of_a_mask_does_not(self, tmp_path: Path) -> None:
        for name in ("log", "mask"):
            (tmp_path / name).mkdir()
        logarithm = run(saved(odd.LogOfPower().eval(), {"x": SIGNAL}, tmp_path / "log")).source.nonfinite
        assert logarithm is not None
        assert (logarithm.nan, logarithm.module, logarithm.operator) == (0, "log", "log")
        masked = run(saved(odd.MaskedScores().eval(), MASKED, tmp_path / "mask"))
        assert masked.source.nonfinite is None
        assert masked.is_passed

    def test_it_goes_on_where_that_is_accepted(self, tmp_path: Path) -> None:
        path = saved(odd.MaskedRows().eval(), MASKED, tmp_path)
        report = run(path, ACCEPTED)
        assert report.is_passed
        assert report.source.nonfinite is not None
        assert report.source.nonfinite.is_accepted
        assert any("accepted by gate.accept_nonfinite_source" in note for note in report.notes)

    def test_validate_asks_it_of_its_first_artifact_too(self, tmp_path: Path) -> None:
        path = saved(odd.MaskedRows().eval(), MASKED, tmp_path)
        run(path, ACCEPTED)
        command = ["validate", str(path), str(tmp_path / "run" / "model.onnx")]
        command += ["--samples", str(tmp_path / "samples.npz")]
        refused = CliRunner().invoke(cli, command, standalone_mode=False)
        assert refused.return_value == 7
        assert "FAILED: the source model itself gives NaN for 24 of 32 samples, first in 'attention'" in (
            refused.output
        )
        assert f"hint: mend the model or the samples, or, if it is meant: --set {ACCEPTED}" in refused.output
        accepted = CliRunner().invoke(cli, [*command, "--set", ACCEPTED], standalone_mode=False)
        assert accepted.return_value == 0
        assert "accepted by gate.accept_nonfinite_source" in accepted.output
        assert "PASSED" in accepted.output

    def test_a_finite_source_has_nothing_to_tell(self, tmp_path: Path) -> None:
        report = run(saved(odd.Normalized().eval(), {"x": SIGNAL}, tmp_path))
        assert report.is_passed
        assert report.source.nonfinite is None


class TestUnfitSource:
    @pytest.mark.parametrize(
        ("kind", "words"),
        [
            (odd.RunningMean, ("changes its buffers", "mean", "steps")),
            (odd.Stream, ("changes its buffer", "memory.last")),
            (odd.Counter, ("changes its buffer", "steps")),
        ],
    )
    def test_state(self, kind: type[nn.Module], words: tuple[str, ...], tmp_path: Path) -> None:
        with pytest.raises(ModelFileError) as caught:
            run(saved(kind().eval(), {"x": SIGNAL}, tmp_path))
        assert all(word in caught.value.message for word in words)
        assert "return the new value as an output" in caught.value.hint
        assert caught.value.exit_code == 6

    @pytest.mark.parametrize(
        ("model", "word"),
        [(odd.Trained(), "batch_norm"), (odd.DeepLstm(), "lstm"), (odd.DropoutOnly(), "dropout")],
    )
    def test_training_mode(self, model: nn.Module, word: str, tmp_path: Path) -> None:
        with pytest.raises(ModelFileError, match="training mode") as caught:
            run(saved(model.train(), {"x": SIGNAL}, tmp_path))
        assert word in caught.value.message
        assert "model.eval()" in caught.value.hint
        assert caught.value.exit_code == 6
