"""Models in memory, of every kind that is taken: each converts, or is refused in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import convertkit
from convertkit.errors import ModelFileError, SamplesError
from convertkit.run.handed_model import model_as_file
from convertkit.run.handed_samples import samples_as_files
from convertkit.storage.temporary import sweep
from tests.conftest import ROOT

SAMPLES = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (3, "the model is of type int"),
        ({"weight": SAMPLES}, "weights without a model"),
        (dict, "the class dict, not an instance"),
        ((SAMPLES, {}), "the model is of type tuple"),
        (None, "the model is of type NoneType"),
    ],
)
def test_what_is_no_model_is_said(model: object, words: str) -> None:
    with pytest.raises(ModelFileError) as caught:
        convertkit.convert(model, to="onnx")
    assert words in caught.value.message
    assert "\n" not in str(caught.value)


def test_paths_stay_as_they_are() -> None:
    words = {"samples": "a.npz", "calibration_samples": Path("b.npz")}
    with samples_as_files(words, "model.pt2") as (told, notes):
        assert (told, notes) == (words, ())


def test_another_run_does_not_sweep_the_samples_away() -> None:
    with samples_as_files({"samples": SAMPLES}, "model.pt2") as (told, _):
        file = Path(told["samples"])
        os.utime(file.parent, (0, 0))  # older than any run
        sweep(file.parent.parent)
        assert file.is_file()
    assert not file.exists()


def test_samples_to_calibrate_with_may_be_in_memory_too() -> None:
    with samples_as_files({"samples": SAMPLES, "calibration_samples": [*SAMPLES]}, 3) as (told, _):
        for path in told.values():
            assert next(iter(np.load(path).values())).shape == (8, 4)
        files = list(told.values())
    assert not any(Path(file).exists() for file in files)


@pytest.mark.slow
class TestTorch:
    @pytest.fixture
    def torch(self):
        return pytest.importorskip("torch")

    @pytest.fixture
    def net(self, torch):
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))

    def converted(self, model, tmp_path: Path, **words):
        report = convertkit.convert(model, to="onnx", samples=SAMPLES, out=tmp_path / "run", **words)
        assert report.is_passed
        return report

    def test_an_exported_program(self, torch, net, tmp_path: Path) -> None:
        dims = ({0: torch.export.Dim("batch")},)
        model = torch.export.export(net, (torch.from_numpy(SAMPLES[:2]),), dynamic_shapes=dims)
        assert self.converted(model, tmp_path).source.kind == "exported-program"

    def test_torchscript(self, torch, net, tmp_path: Path) -> None:
        assert self.converted(torch.jit.script(net), tmp_path).source.kind == "torchscript"

    def test_a_compiled_module(self, torch, net, tmp_path: Path) -> None:
        assert self.converted(torch.compile(net), tmp_path).source.kind == "exported-program"

    def test_a_pair_with_weights_of_data_parallel_leaves_the_module_alone(
        self, torch, net, tmp_path: Path
    ) -> None:
        weights = {f"module.{name}": value * 0 for name, value in net.state_dict().items()}
        before = {name: value.clone() for name, value in net.state_dict().items()}
        with model_as_file((net, weights), convertkit.recipe.Recipe(inputs=("x:float32[batch,4]",))) as saved:
            program = torch.export.load(saved[0])
        assert all((value == 0).all() for value in program.state_dict.values())
        assert all((net.state_dict()[name] == value).all() for name, value in before.items())

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda weights: dict(list(weights.items())[1:]), "they lack 0.weight"),
            (lambda weights: weights | {"extra": weights["0.bias"]}, "have extra, which it does not"),
            (lambda weights: weights | {"0.bias": weights["2.bias"]}, "size mismatch"),
        ],
    )
    def test_weights_that_do_not_fit(self, net, change, words: str) -> None:
        with pytest.raises(ModelFileError) as caught:
            convertkit.convert((net, change(net.state_dict())), to="onnx", samples=SAMPLES)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_fewer_arrays_than_inputs(self, torch) -> None:
        with pytest.raises(SamplesError, match=r"takes input1, input2, the samples hold 1 array"):
            convertkit.convert(torch.nn.Bilinear(4, 4, 2), to="onnx", samples=SAMPLES)


KERAS = """
import sys, numpy as np, keras, convertkit
keras.utils.set_random_seed(0)
entry = keras.Input((4,), name="x")
model = keras.Model(entry, keras.layers.Dense(3)(entry))
samples = np.random.default_rng(0).standard_normal((8, 4)).astype("float32")
report = convertkit.convert(model, to="tflite:float32", samples=samples, out=sys.argv[1])
print(report.status, report.source.kind)
"""


@pytest.mark.slow
def test_a_keras_model(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "KERAS_BACKEND": "tensorflow"}
    command = [sys.executable, "-c", KERAS, str(tmp_path / "run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["passed savedmodel"], done.stderr[-2000:]
