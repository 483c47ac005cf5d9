"""Pixels and what a graph makes of them: the same bits as samples of images, and back."""

from __future__ import annotations

import numpy as np
import pytest

from convertkit.artifacts.pixels import Fold, Pixels
from convertkit.artifacts.signature import (
    Signature,
    TensorSpec,
    folded,
    logical_inputs,
    to_physical,
)
from convertkit.config.run_settings import SampleOptions
from convertkit.samples.pixels import PixelRows

IMAGENET = Pixels(255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
EVERY = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)


@pytest.mark.parametrize(
    ("pixels", "kinds"),
    [
        (IMAGENET, ["divide", "subtract", "divide"]),
        (Pixels(255.0, (0.0,), (1.0,)), ["divide"]),
        (Pixels(1.0, (0.5,), (0.5,)), ["subtract", "divide"]),
        (Pixels(255.0, (0.0, 0.0, 0.0), (0.5, 1.0, 1.0)), ["divide", "divide"]),
    ],
)
def test_only_steps_that_do_something_are_steps(pixels: Pixels, kinds: list[str]) -> None:
    assert [kind for kind, _ in pixels.steps] == kinds


@pytest.mark.parametrize("pixels", [IMAGENET, Pixels(255.0, (0.0,), (1.0,)), Pixels(255.0, (0.5,), (0.001,))])
def test_every_pixel_comes_back(pixels: Pixels) -> None:
    image = np.broadcast_to(EVERY, (1, 16, 16, len(pixels.mean)))
    normalised = pixels.normalised(image)
    assert normalised.dtype == np.float32
    assert np.array_equal(pixels.given(normalised, "uint8"), image)


def test_it_is_what_samples_of_pixels_are_bit_by_bit() -> None:
    image = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), dtype=np.uint8)
    shape = (3, 1, 1)
    mean, std = (np.asarray(each, np.float32).reshape(shape) for each in (IMAGENET.mean, IMAGENET.std))
    rows = PixelRows(image, mean, std)[np.arange(4)]
    assert np.array_equal(IMAGENET.normalised(np.moveaxis(image, 1, -1)), np.moveaxis(rows, 1, -1))
    assert SampleOptions().fold_preprocessing is False


def test_what_is_beyond_black_and_white_is_cut_off() -> None:
    given = Pixels(255.0, (0.0,), (1.0,)).given(np.array([-0.1, 1.1], np.float32), "uint8")
    assert given.tolist() == [0, 255]


IMAGE = TensorSpec("image", "float32", ("batch", 3, 8, 6))
OTHER = TensorSpec("length", "int64", ("batch",))
SIGNATURE = Signature((IMAGE, OTHER), (TensorSpec("scores", "float32", ("batch", 2)),))


def test_the_signature_of_an_artifact_that_takes_pixels() -> None:
    found = folded(SIGNATURE, Fold("image", "uint8", IMAGENET, 1))
    assert found.inputs[1] == OTHER
    assert found.outputs == SIGNATURE.outputs
    image = found.inputs[0]
    assert (image.dtype, image.shape, image.axis_order) == ("uint8", ("batch", 8, 6, 3), (0, 2, 3, 1))
    assert image.logical_dtype == "float32"
    assert logical_inputs(found)[0].describe() == IMAGE.describe()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 6, 3), dtype=np.uint8)
    logical = np.moveaxis(IMAGENET.normalised(pixels), -1, 1)
    assert np.array_equal(to_physical(logical, image), pixels)


def test_a_quantized_input_in_its_own_order_takes_pixels_too() -> None:
    own = TensorSpec("image", "int8", ("batch", 8, 6, 3), axis_order=(0, 2, 3, 1), scale=0.02, zero_point=-3)
    one = folded(Signature((own,), ()), Fold("image", "uint8", IMAGENET, 1)).inputs[0]
    assert (one.scale, one.zero_point, one.shape, one.dtype) == (None, None, ("batch", 8, 6, 3), "uint8")


def test_a_source_with_its_channels_last_keeps_its_order() -> None:
    own = TensorSpec("image", "float32", ("batch", 8, 6, 3))
    one = folded(Signature((own,), ()), Fold("image", "float32", IMAGENET, 3)).inputs[0]
    assert (one.axis_order, one.shape, one.dtype) == (None, ("batch", 8, 6, 3), "float32")
