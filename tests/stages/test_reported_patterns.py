"""Patterns that users report, from PyTorch to TFLite, each judged against PyTorch at two batches."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact, Loader
from convertkit.artifacts.signature import Arrays
from tests.conftest import ROOT, Lab, sqnr_db

pytestmark = pytest.mark.slow
RANDOM = np.random.default_rng(0)


def noise(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


SAMPLES: dict[str, Arrays] = {
    "pyramid": {"x": noise(48, 3, 26, 19)},
    "line": {"x": noise(48, 4, 13)},
    "counter": {"x": noise(48, 4), "state": noise(48, 6), "step": RANDOM.integers(0, 9, 48)},
    "echo": {"x": noise(48, 4), "mask": (noise(48, 4) > 0).astype(np.float32)},
    "packed_lstm": {"x": noise(48, 6, 5), "lengths": RANDOM.integers(1, 7, 48)},
    "packed_gru": {"x": noise(48, 6, 5), "lengths": RANDOM.integers(1, 7, 48)},
}


@pytest.fixture(scope="module")
def weights(lab: Lab) -> str:
    """A folder with the weights of every model; a process of its own writes them."""
    folder = lab.path("patterns")
    folder.mkdir()
    code = f"from tests.stages.pattern_models import save_all; save_all({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return str(folder)


def source(lab: Lab, weights: str, name: str) -> Artifact:
    loader = Loader("state-dict", f"tests.stages.pattern_models:{name}", search_path=str(ROOT))
    return lab.source(f"{weights}/{name}.pt", loader, SAMPLES[name])


def made(lab: Lab, model: Artifact, target: str, samples: Arrays, exporter: str = "dynamo") -> Artifact:
    graph = lab.convert("torch_to_onnx", model, "onnx", samples, {"exporter": exporter})
    saved = lab.convert("onnx_to_savedmodel", graph, "savedmodel", samples)
    return lab.convert("savedmodel_to_tflite", saved, target, samples)


def agrees(lab: Lab, model: Artifact, artifact: Artifact, samples: Arrays, least_db: float) -> None:
    rest = {name: values[-7:] for name, values in samples.items()}
    for chunk in (1, 7):
        wanted, got = lab.infer(model, rest, chunk), lab.infer(artifact, rest, chunk)
        assert set(got) == set(wanted)
        for name in wanted:
            assert got[name].dtype == wanted[name].dtype, name
            assert sqnr_db(wanted[name], got[name]) > least_db, (name, chunk)


@pytest.mark.parametrize("name", ["pyramid", "line"])
def test_pools_to_sizes_that_do_not_divide(lab: Lab, weights: str, name: str) -> None:
    model, samples = source(lab, weights, name), SAMPLES[name]
    agrees(lab, model, made(lab, model, "tflite", samples), samples, 100)
    agrees(lab, model, made(lab, model, "tflite:int8", samples), samples, 25)


@pytest.mark.parametrize(
    ("name", "outputs"),
    [("counter", ["state_out", "step_out", "y"]), ("echo", ["mask_out_out", "mask_out"])],
)
def test_an_output_that_is_called_as_an_input_has_a_name_of_its_own(
    lab: Lab, weights: str, name: str, outputs: list[str]
) -> None:
    model, samples = source(lab, weights, name), SAMPLES[name]
    assert [spec.name for spec in model.signature.outputs] == outputs
    for exporter in ("dynamo", "torchscript"):
        agrees(lab, model, made(lab, model, "tflite", samples, exporter), samples, 100)


@pytest.mark.parametrize("name", ["packed_lstm", "packed_gru"])
def test_sequences_of_their_own_lengths(lab: Lab, weights: str, name: str) -> None:
    model, samples = source(lab, weights, name), SAMPLES[name]
    agrees(lab, model, made(lab, model, "tflite", samples, "torchscript"), samples, 100)
    whole = made(lab, model, "tflite:int8", samples, "torchscript")
    agrees(lab, model, whole, samples, 25)
