"""The noise floor: nothing is asked for that the source does not hold against itself."""

import msgspec
import numpy as np

from convertkit.artifacts.formats import Precision
from convertkit.validation.gate import judge
from convertkit.validation.grounds import Grounds
from convertkit.validation.noise import measure_noise
from convertkit.validation.tolerance import DEFAULT_TOLERANCES
from tests.validation.outputs import draw

FLOAT32 = DEFAULT_TOLERANCES[Precision.FLOAT32]


def noisy(values, db, seed):
    """The values with white noise so many decibels below them."""
    scale = np.sqrt(np.mean(values.astype(np.float64) ** 2)) * 10 ** (-db / 20)
    return (values + scale * draw(*values.shape, seed=seed)).astype(np.float32)


def verdict(reference, candidate, again=None, tolerance=FLOAT32):
    noise = {} if again is None else measure_noise({"y": reference}, {"y": again}, {})
    return judge({"y": reference}, {"y": candidate}, tolerance, grounds=Grounds(noise))


def test_an_artifact_within_the_sources_own_noise_passes_and_is_told_so():
    wanted = draw(64, 200)
    found = verdict(wanted, noisy(wanted, 52.5, 1), noisy(wanted, 42.9, 2)[:32])
    assert found.is_passed
    assert abs(found.outputs[0].noise_floor_db - 42.9) < 0.3
    assert "the source agrees with itself to 42." in found.notes[0]
    assert "so 36." in found.notes[0]


def in_half(reference, candidate, wide):
    noise = measure_noise({"y": reference}, {"y": wide}, {})
    return judge({"y": reference}, {"y": candidate}, FLOAT32, grounds=Grounds(noise, half="bfloat16"))


def test_half_precision_is_asked_for_what_it_holds_against_float32():
    wanted = draw(64, 200)
    wide = noisy(wanted, 45, 2)
    found = in_half(wanted, wide, wide[:32])
    assert found.is_passed
    assert "in bfloat16 and in float32, the source agrees with itself to 45." in found.notes[0]
    assert "below 39 dB" in in_half(wanted, noisy(wanted, 37, 1), wide[:32]).reason


def test_half_precision_that_loses_more_than_rounding_excuses_nothing():
    wanted = draw(64, 200)
    deep = noisy(wanted, 26, 2)
    assert in_half(wanted, deep, deep[:32]).is_passed
    wrong = noisy(wanted, 15, 2)
    found = in_half(wanted, wrong, wrong[:32])
    assert "below 60 dB" in found.reason
    assert "more than rounding, which excuses nothing" in found.notes[0]


def test_without_that_noise_it_fails():
    wanted = draw(64, 200)
    assert "below 60 dB" in verdict(wanted, noisy(wanted, 52.5, 1)).reason
    assert "below 60 dB" in verdict(wanted, noisy(wanted, 52.5, 1), wanted[:32].copy()).reason


def test_twice_the_noise_is_the_most():
    wanted = draw(64, 200)
    again = noisy(wanted, 42.9, 2)[:32]
    assert verdict(wanted, noisy(wanted, 37.2, 1), again).is_passed
    assert "below 36." in verdict(wanted, noisy(wanted, 36.0, 1), again).reason


def test_an_sqnr_that_was_set_is_asked_for_all_the_same():
    wanted = draw(64, 200)
    asked = msgspec.structs.replace(FLOAT32, is_sqnr_asked=True)
    found = verdict(wanted, noisy(wanted, 52.5, 1), noisy(wanted, 42.9, 2)[:32], asked)
    assert "below 60 dB" in found.reason
    assert "60 dB is asked for all the same, as set" in found.notes[0]


def test_a_noise_below_what_is_asked_for_changes_nothing_and_is_not_told():
    wanted = draw(64, 200)
    found = verdict(wanted, noisy(wanted, 120, 1), noisy(wanted, 130, 2)[:32])
    assert found.is_passed
    assert found.notes == ()
    assert "below 60 dB" in verdict(wanted, noisy(wanted, 55, 1), noisy(wanted, 130, 2)[:32]).reason


def test_a_source_whose_answers_depend_on_the_batch_excuses_nothing():
    wanted = draw(64, 200)
    found = verdict(wanted, noisy(wanted, 15, 1), noisy(wanted, 10, 2)[:32])
    assert not found.is_passed
    assert "its answers depend on the batch" in found.notes[0]


def test_a_slice_that_is_noise_in_the_source_does_not_count():
    wanted = draw(64, 4, 20)
    wanted[:, 3] *= np.float32(1e-6)
    again = wanted.copy()
    again[:, 3] += np.float32(1e-6) * draw(64, 20, seed=1)
    got = wanted.copy()
    got[:, 3] = 0
    assert verdict(wanted, got, again).is_passed
    assert "axis 1, 3: " in verdict(wanted, got, wanted * np.float32(1 + 1e-7)).reason


def test_a_sample_that_is_noise_in_the_source_is_not_lost():
    wanted = draw(40, 100)
    wanted[:20] *= np.float32(1e-6)
    again = wanted + np.float32(1e-6) * draw(40, 100, seed=1)
    got = wanted + np.float32(1e-6) * draw(40, 100, seed=2)
    assert verdict(wanted, got, again[:32]).is_passed
    assert "20 of 40 samples are lost" in verdict(wanted, got).reason


def test_integer_outputs_have_no_noise_floor():
    labels = np.arange(40)
    assert measure_noise({"y": labels}, {"y": labels[:32] + 1}, {}) == {}
