"""Whole runs on models that INT8 ruins without it showing in one figure: none of them ships.

Their patterns on outputs alone are in tests/validation: test_slices and test_per_sample.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import convertkit
from convertkit.report.report import HopRecord
from fixtures.planted import BoxesAndScores, samples, spread

pytestmark = pytest.mark.slow

QUICK = ("bench.rounds=2", "bench.warmup_s=0.01", "device=cpu")


class OneTensor(BoxesAndScores):
    """The small detector with boxes of 0..640 and scores of 0..1 in one output, as exports have it."""

    def forward(self, image: Tensor) -> Tensor:  # type: ignore[override]
        joined: Tensor = self.detect(self.backbone(image))
        return joined


class Denoiser(nn.Module):
    """Two convolutions over a waveform, added to it; quiet in, quiet out."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, 12, 7, padding=3, bias=False),
            nn.ReLU(),
            nn.Conv1d(12, 1, 7, padding=3, bias=False),
        )

    def forward(self, wave: Tensor) -> Tensor:
        cleaned: Tensor = wave + self.layers(wave)
        return cleaned


def judged(
    model: nn.Module, arrays: dict[str, np.ndarray], out: Path, *to: str, quality: str = "default"
) -> list[HopRecord]:
    """The hops to the targets."""
    file = out / "samples.npz"
    np.savez(file, **arrays)  # type: ignore[arg-type]
    report = convertkit.convert(
        model.eval(), to=to, samples=file, out=out / "run", settings=QUICK, cache=False, quality=quality
    )
    assert all(hop.status == "passed" for hop in report.hops if hop.target.endswith("float32"))
    return [hop for hop in report.hops if hop.target in to]


def test_a_plain_detector_with_boxes_and_scores_in_one_tensor(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = OneTensor()
    spread(model)
    targets = ("tflite:int8", "onnx:int8", "torch:int8")
    hops = judged(model, samples(96), tmp_path, *targets, quality="fast")
    assert len(hops) == 3
    for hop in hops:
        assert hop.status == "failed", hop.target
        assert hop.artifact is not None
        assert hop.artifact.path.startswith("rejected/")
        assert hop.vs_source is not None
        (row,) = hop.vs_source.outputs
        assert row.worst_slice is not None
        assert row.worst_slice.axis == 1
        assert row.worst_slice.index >= 4
        assert row.worst_slice.sqnr_db < 8
    assert "output 'output', axis 1, 4.." in (hops[1].error or "")


def test_audio_of_which_most_samples_are_quiet(tmp_path: Path) -> None:
    torch.manual_seed(0)
    loudness = np.where(np.arange(120) % 4 == 0, 0.3, 0.001)[:, None, None]
    waves = (np.random.default_rng(0).standard_normal((120, 1, 200)) * loudness).astype(np.float32)
    for hop in judged(Denoiser(), {"wave": waves}, tmp_path, "tflite:int8", "onnx:int8"):
        assert hop.status == "failed", hop.target
        assert "samples are lost, below 8 dB SQNR (rows " in (hop.error or "")
        assert hop.vs_source is not None
        (row,) = hop.vs_source.outputs
        assert row.sqnr_db > 20
        assert all(figure.row % 4 for figure in row.worst_samples)  # the quiet ones, as rows of the file


class MaskedScores(nn.Module):
    """Attention scores with what is later ruled out, and what is attended to."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, words: Tensor) -> dict[str, Tensor]:
        scores = self.query(words) @ self.key(words).transpose(1, 2)
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
        return {"scores": scores, "mixed": scores.softmax(-1) @ words}


def test_masked_scores_as_an_output(tmp_path: Path) -> None:
    """TFLite has -3.4e38 there, -65504 where weights are float16; INT8 its lowest value, which is wrong.

    By default what has no weights stays float beside attention, and so do the scores.
    """
    torch.manual_seed(0)
    words = np.random.default_rng(0).normal(size=(32, 6, 8)).astype(np.float32)
    targets = ("tflite:float32", "tflite:float16", "tflite:int8")
    hops = judged(MaskedScores(), {"words": words}, tmp_path, *targets)
    assert [hop.status for hop in hops] == ["passed", "passed", "passed"]
    hops = judged(MaskedScores(), {"words": words}, tmp_path, *targets, quality="fast")
    assert [hop.status for hop in hops] == ["passed", "passed", "failed"]
    assert hops[2].error == "output 'scores' has 240 wrong NaN or Inf"
