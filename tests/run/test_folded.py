"""A whole run with `--fold-preprocessing`: artifacts take bytes, and are right and the same as without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

import convertkit
from convertkit.artifacts.pixels import Pixels
from convertkit.artifacts.signature import Array, TensorSpec
from convertkit.report.report import Report
from convertkit.report.shipping import PREPROCESSING_FILE, Preprocessing
from tests.conftest import sqnr_db

pytestmark = pytest.mark.slow

PIXELS = Pixels(255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
IMAGES = np.random.default_rng(0).integers(0, 256, (48, 12, 10, 3), dtype=np.uint8)
FILES = {
    "onnx:float32": "model.onnx",
    "savedmodel:float32": "model.savedmodel",
    "tflite:float32": "model.tflite",
    "tflite:float16": "model.float16.tflite",
    "tflite:int8": "model.int8.tflite",
    "onnx:int8": "model.int8.onnx",
}
SETTINGS = (
    "sampling.pixels=[image]",
    f"sampling.mean={list(PIXELS.mean)}",
    f"sampling.std={list(PIXELS.std)}",
)


class Classifier(nn.Module):
    """Padded convolutions: what a border of zeros means depends on where the normalisation is."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU()
        )
        self.head = nn.Linear(16, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(image).mean((2, 3)))


class Runs(msgspec.Struct, frozen=True):
    """The same model with its preprocessing folded and without, and the source's outputs."""

    folder: Path
    folded: Report
    plain: Report
    expected: Array


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("folded")
    model = Classifier().eval()
    np.savez(folder / "images.npz", image=IMAGES.transpose(0, 3, 1, 2))
    reports: dict[bool, Report] = {
        is_folded: convertkit.convert(
            model,
            to=list(FILES),
            samples=folder / "images.npz",
            fold_preprocessing=is_folded,
            quality="fast",
            out=folder / ("folded" if is_folded else "plain"),
            settings=(*SETTINGS, "bench.skip=not measured here"),
        )
        for is_folded in (False, True)
    }
    with torch.inference_mode():
        normalised = np.moveaxis(PIXELS.normalised(IMAGES), -1, 1).copy()
        expected = model(torch.from_numpy(normalised)).numpy()
    return Runs(folder, reports[True], reports[False], expected)


def given(file: Path, image: Array) -> Array:
    """What a runtime makes of images, without convertkit."""
    if file.suffix == ".onnx":
        import onnxruntime

        return np.asarray(onnxruntime.InferenceSession(file).run(None, {"image": image})[0])
    from ai_edge_litert.interpreter import Interpreter

    runner: Any = Interpreter(str(file), num_threads=1).get_signature_runner()
    return np.array(next(iter(runner(image=image).values())))


def test_every_artifact_passes_and_takes_bytes(runs: Runs) -> None:
    assert runs.folded.status == "passed", [hop.error for hop in runs.folded.hops]
    assert set(FILES) <= {hop.target for hop in runs.folded.hops}
    for hop in runs.folded.hops:
        (image,) = hop.inputs
        assert (image.dtype, image.shape[1:], image.scale) == ("uint8", (12, 10, 3), None), hop.target
        assert image.pixels == PIXELS
        assert all(axis.kept for axis in hop.dynamic_axes), hop.target
    assert runs.folded.source.inputs[0].describe() == "image:float32[batch,3,12,10]"
    assert any("takes uint8 images of 0 to 255" in note for note in runs.folded.notes)
    assert {hop.inputs[0].dtype for hop in runs.plain.hops} == {"float32"}


@pytest.mark.parametrize("name", ["model.onnx", "model.tflite", "model.float16.tflite", "model.int8.tflite"])
def test_it_gives_the_plain_artifact_s_bits_for_raw_images(runs: Runs, name: str) -> None:
    specs = {Path(hop.artifact.path).name: hop.inputs[0] for hop in runs.plain.hops if hop.artifact}
    found = given(runs.folder / "folded" / name, IMAGES)
    assert np.array_equal(found, given(runs.folder / "plain" / name, in_order(specs[name])))
    assert sqnr_db(runs.expected, found) > (20 if "int8" in name else 45 if "float16" in name else 100)


def in_order(spec: TensorSpec) -> Array:
    """The normalised images in an artifact's axis order."""
    normalised = PIXELS.normalised(IMAGES)
    return normalised if spec.axis_order else np.ascontiguousarray(np.moveaxis(normalised, -1, 1))


def test_hops_are_shared_with_a_run_without_it(runs: Runs) -> None:
    assert all(hop.cached for hop in runs.folded.hops)


def test_what_is_left_to_do_is_nothing_but_resize_and_crop(runs: Runs) -> None:
    folder = runs.folder / "folded"
    told = msgspec.json.decode((folder / PREPROCESSING_FILE).read_bytes(), type=Preprocessing)
    assert told.folded == PIXELS
    assert (told.mean, told.std) == ((0.0,), (1 / 255,))


def test_verbs_on_the_run_go_by_its_signature(runs: Runs, tmp_path: Path) -> None:
    manifest = convertkit.bundle(runs.folder / "folded", tmp_path / "model.ckb", only=["tflite:int8"])
    assert [each.variant for each in manifest.artifacts] == ["tflite:int8"]
    found = convertkit.verify(tmp_path / "model.ckb")
    assert found.exit_code == 0, found.checked
    convertkit.kit(tmp_path / "model.ckb", "python", tmp_path / "kit")
    assert '"dtype":"uint8"' in (tmp_path / "kit" / "signature.json").read_text().replace(" ", "")
