"""Constants that float16 cannot hold, in a float16 `.tflite`, judged by LiteRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.stages.half_constants import looks_lost, mend_constants
from tests.conftest import Lab, fixture_samples, sqnr_db

pytestmark = pytest.mark.slow

ROWS = np.random.default_rng(0).standard_normal((8, 6)).astype(np.float32)
ROWS[::2] = 0
ROWS[1] *= np.float32(1e-9)


class Normalizations(nn.Module):
    """Three ways to divide by something that may be 0, each with an epsilon below float16's steps."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)
        self.norm = nn.LayerNorm(6, eps=1e-12)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {
            "norm": self.norm(x),
            "unit": nn.functional.normalize(self.linear(x) * 0 + x, dim=1),
            "loudness": torch.log(x.square().mean(1, keepdim=True).clamp(min=1e-10)),
        }


class Masked(nn.Module):
    """Scores of which the later ones are ruled out."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).masked_fill(torch.arange(6) > 3, torch.finfo(torch.float32).min)


def converted(lab: Lab, model: nn.Module, precision: str) -> tuple[Artifact, Artifact]:
    """The source, and its `.tflite`."""
    path = lab.path("model.pt2")
    torch.manual_seed(0)
    batch = {0: torch.export.Dim("batch", min=2)}
    torch.export.save(
        torch.export.export(model.eval(), (torch.from_numpy(ROWS),), dynamic_shapes=(batch,)), path
    )
    source = lab.source(str(path), Loader("exported-program"), {"x": ROWS})
    graph = lab.convert("torch_to_onnx", source, "onnx", {"x": ROWS})
    saved = lab.convert("onnx_to_savedmodel", graph, "savedmodel", {"x": ROWS}, {"batch": "dynamic"})
    return source, lab.convert("savedmodel_to_tflite", saved, f"tflite:{precision}", {"x": ROWS})


def test_an_epsilon_that_float16_cannot_hold_is_kept(lab: Lab) -> None:
    source, artifact = converted(lab, Normalizations(), "float16")
    wanted, got = lab.infer(source, {"x": ROWS}), lab.infer(artifact, {"x": ROWS})
    for name, values in wanted.items():
        assert np.isfinite(got[name]).all(), name
        assert sqnr_db(values, got[name]) > 60, name


def test_the_largest_number_stays_what_it_is(lab: Lab) -> None:
    _, artifact = converted(lab, Masked(), "float16")
    (got,) = lab.infer(artifact, {"x": ROWS}).values()
    assert (got[:, 4:] == np.finfo(np.float32).min).all()


def test_weights_are_float16_all_the_same(lab: Lab) -> None:
    class Wide(Normalizations):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Sequential(nn.Linear(6, 400), nn.ReLU(), nn.Linear(400, 6))  # type: ignore[assignment]

    _, half = converted(lab, Wide(), "float16")
    _, plain = converted(lab, Wide(), "float32")
    assert half.size_bytes < 0.75 * plain.size_bytes


def test_a_file_that_loses_nothing_is_the_converters_own(lab: Lab) -> None:
    samples = fixture_samples("digits")
    graph = lab.convert("torch_to_onnx", lab.fixture("digits"), "onnx", samples)
    saved = lab.convert("onnx_to_savedmodel", graph, "savedmodel", samples, {"batch": "dynamic"})
    files = [
        Path(lab.convert("savedmodel_to_tflite", saved, f"tflite:{precision}", samples).path).read_bytes()
        for precision in ("float16", "float32")
    ]
    assert mend_constants(files[0], lambda: files[1]) is files[0]
    assert mend_constants(files[1], lambda: files[0]) is files[1]  # nothing is float16


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0], True),
        ([0.0, 0.0], False),  # a bias of zeros
        ([1e-6], True),
        ([1e-6, 1.0], False),
        ([-65504.0], True),
        ([65504.0, 1.0], True),
        ([0.5, -20.0], False),
    ],
)
def test_which_constants_are_looked_at(values: list[float], expected: bool) -> None:
    assert looks_lost(np.array(values, np.float16)) == expected
