"""Value ranges: every usual mistake of preparation has its span, and no right preparation has one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convertkit.calibration.value_range import NORMALISATIONS, check_range, known_normalisations, wrong_spans
from convertkit.config.run_settings import SampleOptions

OPTIONS = SampleOptions()
PLAIN = NORMALISATIONS[0]
IMAGENET = NORMALISATIONS[1]


@pytest.fixture
def pixels():
    """Whole numbers 0..255 as 8-bit images of 3 channels have them."""
    values = np.random.default_rng(0).integers(0, 256, (12, 3, 16, 16)).astype(np.float32)
    values[0, :, 0, 0], values[0, :, 0, 1] = 0, 255
    return values


def normalised(values, how=PLAIN):
    shape = (-1, 1, 1)
    return ((values - np.reshape(how.mean, shape)) / np.reshape(how.std, shape)).astype(np.float32)


def found(values, options=OPTIONS):
    return list(check_range({"image": values}, options))


def told(values, *words, severity="error", options=OPTIONS):
    (finding,) = found(values, options)
    assert finding.severity == severity
    assert (finding.check, finding.input) == ("range", "image")
    assert finding.hint
    for word in words:
        assert word in finding.message
    assert "\n" not in finding.message


@pytest.mark.parametrize("how", NORMALISATIONS, ids=lambda how: how.name)
class TestEveryNormalisation:
    def test_once_is_right(self, pixels, how):
        assert not found(normalised(pixels / 255, how))

    def test_twice(self, pixels, how):
        told(normalised(normalised(pixels / 255, how), how), "normalised twice", how.name)

    def test_without_dividing(self, pixels, how):
        told(normalised(pixels, how), "not divided by 255", how.name)

    def test_divided_twice(self, pixels, how):
        told(normalised(pixels / 255**2, how), "divided by 255 twice", how.name)

    def test_multiplied_afterwards(self, pixels, how):
        told(normalised(pixels / 255, how) * 255, "multiplied by 255", how.name)

    def test_divided_afterwards(self, pixels, how):
        told(normalised(pixels / 255, how) / 255, "divided by 255 after", how.name)


def test_channels_last_is_known_as_well(pixels):
    twice = normalised(normalised(pixels / 255, IMAGENET), IMAGENET)
    told(np.ascontiguousarray(np.moveaxis(twice, 1, -1)), "normalised twice", "ImageNet")


def test_the_recipes_own_normalisation_is_known(pixels):
    options = SampleOptions(mean=(0.3,), std=(0.2,))
    twice = ((pixels / 255 - 0.3) / 0.2 - 0.3) / 0.2
    told(twice, "normalised twice", "the recipe's", options=options)
    assert known_normalisations(OPTIONS) == NORMALISATIONS


def test_raw_pixels(pixels):
    told(pixels, "not normalised", "whole numbers from 0 to 255")
    told(pixels[:, :, ::2] + 0.25, "not divided by 255")  # resized: no longer whole
    told(pixels.reshape(12, -1), "whole numbers")  # as a row


def test_of_few_colours(pixels):
    told(pixels // 15 * 15, "whole numbers")


def test_divided_once_is_right_and_twice_is_not(pixels):
    assert not found(pixels / 255)
    told(pixels / 255**2, "divided by 255 twice")


@pytest.mark.parametrize("change", [lambda x: x * 90 - 20, lambda x: x * 0.003, lambda x: x + 6])
def test_what_is_only_unusual_is_a_warning(pixels, change):
    told(change(pixels / 255), "unusual for an image", severity="warning")


def test_what_is_no_image_is_left_alone(pixels):
    assert not found(pixels.astype(np.uint8))
    assert not found(np.random.default_rng(0).integers(0, 256, (40, 6)).astype(np.float32))  # a few features
    assert not found(np.random.default_rng(0).normal(0, 500, (40, 128)).astype(np.float32))  # a signal
    assert not found(np.zeros((4, 3, 16, 16), np.float32))  # told as constant


def test_no_wrong_span_is_that_of_a_right_preparation():
    ends = np.array([[0.0], [1.0]])
    right = [ends, *((ends - each.mean) / np.array(each.std) for each in NORMALISATIONS)]
    for wrong in wrong_spans(OPTIONS):
        for low, high in right:
            slack = 0.05 * (high - low).max()
            if len(wrong.low) == len(low):
                assert np.abs(wrong.low - low).max() > slack or np.abs(wrong.high - high).max() > slack


@given(st.integers(0, 2**31), st.floats(0.05, 4), st.floats(-2, 2))
def test_no_false_alarm_on_standard_data(seed, deviation, mean):
    values = np.random.default_rng(seed).normal(mean, deviation, (16, 3, 8, 8)).astype(np.float32)
    assert not found(values)
