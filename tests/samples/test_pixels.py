"""Arrays of pixels become what image files do, whichever end their channels are at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convertkit.artifacts.signature import TensorSpec
from convertkit.calibration.checks import check_calibration
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import SamplesError
from convertkit.samples.apart import split
from convertkit.samples.reading import read_samples

BYTES = np.random.default_rng(0).integers(0, 256, (40, 3, 8, 6)).astype(np.uint8)
IMAGE = TensorSpec("image", "float32", ("batch", 3, 8, 6))
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.savez(tmp_path / "s.npz", image=BYTES)
    return tmp_path / "s.npz"


def taken(file: Path, inputs: tuple[TensorSpec, ...] = (IMAGE,), **options: Any) -> Any:
    samples, specs = read_samples(file, inputs, SampleOptions(**options))
    return samples, specs, samples.take([2, 5])["image"]


def test_they_are_divided_and_normalised_by_channel(file: Path) -> None:
    samples, _, values = taken(file, pixels=("image",), mean=MEAN, std=STD)
    wanted = (BYTES[[2, 5]] / 255 - np.reshape(MEAN, (3, 1, 1))) / np.reshape(STD, (3, 1, 1))
    np.testing.assert_allclose(values, wanted, rtol=1e-5)
    assert values.dtype == np.float32
    assert samples.notes == ("pixels of image are divided by 255, then sampling.mean and sampling.std apply",)


def test_channels_that_are_last_are_found(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", image=np.moveaxis(BYTES, 1, -1))
    options = {"pixels": ("image",), "mean": MEAN, "std": STD, "axis_order": "channels-last"}
    np.testing.assert_allclose(
        taken(tmp_path / "s.npz", **options)[2][0, :, 0, 0],
        (BYTES[2, :, 0, 0] / 255 - MEAN) / STD,
        rtol=1e-5,
    )


def test_a_model_of_unknown_inputs_is_given_floats(file: Path) -> None:
    assert taken(file, ())[1][0].dtype == "uint8"
    assert taken(file, (), pixels=("image",))[1] == (IMAGE,)


def test_what_is_said_of_raw_pixels_makes_them_right(file: Path) -> None:
    def found(**options: Any) -> list[str]:
        settings = SampleOptions(**options)
        samples, _ = read_samples(file, (IMAGE,), settings)
        rows = split(samples, settings, needs_calibration=True)
        return [each.hint for each in check_calibration(samples, rows, settings) if each.severity == "error"]

    (hint,) = found()
    assert "--set 'sampling.pixels=[image]'" in hint
    assert "sampling.mean" in hint
    assert found(pixels=("image",)) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pixels": ("picture",)}, "names 'picture', the samples have 'image'"),
        ({"pixels": ("image",), "std": (1.0, 1.0)}, "sampling.std has 2 values"),
    ],
)
def test_what_does_not_fit_is_one_line(file: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SamplesError, match=message):
        taken(file, **options)
