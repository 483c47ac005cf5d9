"""Which normalisation can be folded, in which form pixels are taken then, and what is refused in one line."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from convertkit.artifacts.artifact import Artifact
from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.pixels import Pixels
from convertkit.artifacts.signature import Array, Signature, TensorSpec
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import ConvertkitError, SamplesError, UsageError
from convertkit.samples.folding import fold_note, fold_of
from convertkit.samples.intake import Intake
from convertkit.samples.samples import Samples, Split

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TOLD = SampleOptions(mean=MEAN, std=STD)
IMAGE = TensorSpec("image", "float32", ("batch", 3, 8, 6))
PIXELS = np.random.default_rng(0).integers(0, 256, (40, 8, 6, 3), dtype=np.uint8)
NORMALISED = np.moveaxis(Pixels(255.0, MEAN, STD).normalised(PIXELS), -1, 1)


def intake(
    values: Array,
    options: SampleOptions = TOLD,
    inputs: tuple[TensorSpec, ...] = (IMAGE,),
    *,
    origin: Any = "file",
    format: Format = Format.TORCH,
) -> Intake:
    """What came in, with these samples for every input."""
    samples = Samples(origin, "", {spec.name: values for spec in inputs})
    rows = tuple(range(len(values)))
    artifact = Artifact(Variant(format), "model", Signature(inputs, ()))
    file: Any = SimpleNamespace(format=format)
    return Intake(file, artifact, samples, Split(rows[:8], rows[8:]), {}, sampling=options)


def test_images_are_taken_as_their_files_have_them() -> None:
    fold = fold_of(intake(NORMALISED, SampleOptions(), origin="images"))
    assert (fold.input, fold.dtype, fold.channel_axis) == ("image", "uint8", 1)
    assert fold.pixels == Pixels(255.0, (0.0,), (1.0,))


def test_arrays_that_mean_and_std_make_of_whole_pixels() -> None:
    fold = fold_of(intake(NORMALISED))
    assert (fold.dtype, fold.pixels) == ("uint8", Pixels(255.0, MEAN, STD))
    note = fold_note(fold)
    assert "'image' takes uint8 images of 0 to 255, channels last" in note
    assert "(value / 255 - 0.485/0.456/0.406) / 0.229/0.224/0.225" in note


def test_one_value_between_two_pixels_makes_it_float() -> None:
    values = NORMALISED.copy()
    values[20, 1, 3, 3] += 0.3 / 255 / STD[1]
    fold = fold_of(intake(values))
    assert (fold.dtype, fold.pixels.white) == ("float32", 1.0)
    said = SampleOptions(mean=MEAN, std=STD, pixels=("image",))
    fold = fold_of(intake(values, said))
    assert (fold.dtype, fold.pixels.white) == ("float32", 255.0)


def test_a_source_with_its_channels_last() -> None:
    spec = TensorSpec("image", "float32", ("batch", 8, 6, 3))
    fold = fold_of(intake(np.moveaxis(NORMALISED, 1, -1), inputs=(spec,), format=Format.SAVEDMODEL))
    assert (fold.channel_axis, fold.axis_order, fold.dtype) == (3, None, "uint8")


def test_gray_images() -> None:
    spec = TensorSpec("image", "float32", ("batch", 1, 8, 6))
    values = Pixels(255.0, (0.5,), (0.5,)).normalised(PIXELS[..., :1].transpose(0, 3, 1, 2))
    fold = fold_of(intake(values, SampleOptions(mean=(0.5,), std=(0.5,)), (spec,)))
    assert (fold.channel_axis, fold.dtype) == (1, "uint8")


def test_a_named_one_of_several_images() -> None:
    inputs = (IMAGE, TensorSpec("other", "float32", ("batch", 3, 8, 6)))
    options = SampleOptions(mean=MEAN, std=STD, pixels=("other",))
    assert fold_of(intake(NORMALISED, options, inputs)).input == "other"
    with pytest.raises(UsageError, match="2 of the model's inputs are images"):
        fold_of(intake(NORMALISED, TOLD, inputs))


NOISE = np.random.default_rng(1).normal(size=(40, 3, 8, 6)).astype(np.float32)
OWN = (NOISE - NOISE.mean((1, 2, 3), keepdims=True)) / NOISE.std((1, 2, 3), keepdims=True)
FLAT = TensorSpec("x", "float32", ("batch", 16))
BYTES = TensorSpec("image", "uint8", ("batch", 3, 8, 6))
WIDE = TensorSpec("image", "float32", ("batch", 4, 8, 6))


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (
            intake(NORMALISED, SampleOptions()),
            UsageError,
            "arrays, and no mean and std are told",
        ),
        (intake(OWN, SampleOptions()), UsageError, "each has a mean and a deviation of its own"),
        (intake(NOISE * 3), SamplesError, "is not what sampling.mean and sampling.std make of images"),
        (intake(NORMALISED, TOLD, (FLAT,)), UsageError, "0 of the model's inputs are images"),
        (intake(PIXELS, TOLD, (BYTES,)), UsageError, "'image' takes uint8"),
        (intake(NORMALISED, TOLD, (WIDE,)), UsageError, "no axis of 3 colour channels"),
    ],
)
def test_what_cannot_be_folded_is_said_in_one_line(
    given: Intake, error: type[ConvertkitError], said: str
) -> None:
    with pytest.raises(error, match=said) as found:
        fold_of(given)
    assert found.value.hint
    assert "\n" not in found.value.message
