"""What a run leaves for those who ship it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convertkit.artifacts.pixels import Fold, Pixels
from convertkit.artifacts.signature import Signature, TensorSpec
from convertkit.artifacts.tensors import read_npz
from convertkit.bundles.card import normalisation
from convertkit.config.run_settings import GateOptions, PrecisionGate, SampleOptions
from convertkit.recipe import Recipe, load_recipe
from convertkit.report.shipping import preprocessing_of, read_labels, recipe_text, write_shipping

IMAGE = TensorSpec("image", "float32", ("batch", 3, 32, 32))
MASK = TensorSpec("mask", "float32", ("batch", 8))


def test_the_recipe_comes_back_as_it_was_with_files_by_their_names(tmp_path: Path) -> None:
    recipe = Recipe(
        to=("tflite:int8", "onnx"),
        samples="/data/me/digits.npz",
        factory="/data/me/my_models.py:build",
        gate=GateOptions(int8_dynamic=PrecisionGate(min_sqnr_db=25.0), masks={"y": "mask"}),
        sampling=SampleOptions(mean=(0.5,), calibration_samples="more/others.npz"),
    )
    text = recipe_text(recipe)
    assert "/data/me" not in text
    assert "more" not in text
    (tmp_path / "recipe.yaml").write_text(text)
    again = load_recipe(str(tmp_path / "recipe.yaml"))
    assert (again.samples, again.sampling.calibration_samples) == ("digits.npz", "others.npz")
    assert again.factory == "my_models.py:build"
    assert (again.to, again.gate, again.sampling.mean) == (recipe.to, recipe.gate, (0.5,))


def test_a_recipe_of_defaults_is_empty() -> None:
    assert recipe_text(Recipe()) == "{}\n"


def test_preprocessing_is_told_of_images_alone() -> None:
    signature = Signature((IMAGE, MASK), ())
    assert preprocessing_of(signature, SampleOptions(), are_images=False) is None
    told = preprocessing_of(signature, SampleOptions(mean=(0.5, 0.4, 0.3)), are_images=False)
    assert told is not None
    assert (told.input, told.mean, told.color) == ("image", (0.5, 0.4, 0.3), "rgb")
    assert preprocessing_of(signature, SampleOptions(), are_images=True) is not None
    assert preprocessing_of(Signature((MASK,), ()), SampleOptions(), are_images=True) is None
    assert preprocessing_of(Signature((IMAGE, IMAGE), ()), SampleOptions(), are_images=True) is None


def test_what_is_left_to_the_app_where_the_artifacts_normalise() -> None:
    fold = Fold("image", "uint8", Pixels(255.0, (0.5, 0.4, 0.3), (0.2,)), 1)
    options = SampleOptions(mean=(0.5, 0.4, 0.3), std=(0.2,), resize=9)
    told = preprocessing_of(Signature((IMAGE, MASK), ()), options, fold, are_images=False)
    assert told is not None
    assert (told.folded, told.mean, told.std, told.resize) == (fold.pixels, (0.0,), (1 / 255,), 9)
    values = np.array([0.0, 3.0, 255.0])
    assert np.allclose((values / 255 - told.mean[0]) / told.std[0], values, rtol=1e-15)
    assert "do (value / 255 - [0.5, 0.4, 0.3]) / [0.2] themselves" in normalisation(told)
    gray = Signature((TensorSpec("image", "float32", ("batch", 1, 8, 8)),), ())
    left = preprocessing_of(gray, SampleOptions(), fold, are_images=False)
    assert left is not None
    assert left.color == "gray"


def test_what_an_earlier_run_left_goes(tmp_path: Path) -> None:
    arrays = {"image": np.zeros((2, 3), np.float32)}
    images = preprocessing_of(Signature((IMAGE,), ()), SampleOptions(), are_images=True)
    write_shipping(tmp_path, Recipe(), arrays, arrays, images, ("cat", "dög"))
    assert read_labels(tmp_path / "labels.txt") == ("cat", "dög")
    assert read_npz(tmp_path / "vectors/inputs.npz")["image"].shape == (2, 3)
    assert (tmp_path / "preprocessing.json").is_file()
    write_shipping(tmp_path, Recipe(), arrays, arrays, None, ())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe.yaml", "vectors"]
