"""Slices: what one figure over a whole output hides."""

import msgspec
import numpy as np
import pytest

from convertkit.artifacts.formats import Precision
from convertkit.validation.compare import WorstSlice
from convertkit.validation.gate import judge
from convertkit.validation.slices import ranges
from convertkit.validation.tolerance import DEFAULT_TOLERANCES
from tests.validation.outputs import detector, draw, one_scale, sigmoid, softmax

INT8 = DEFAULT_TOLERANCES[Precision.INT8]
FLOAT16 = DEFAULT_TOLERANCES[Precision.FLOAT16]
FLOAT32 = DEFAULT_TOLERANCES[Precision.FLOAT32]


def verdict(reference, candidate, tolerance=INT8):
    return judge({"y": reference}, {"y": candidate}, tolerance)


class TestMixedUnits:
    """Boxes and scores, or price and probability, in one tensor: one scale is too coarse for the small."""

    def test_boxes_and_scores(self):
        wanted = detector()
        got = one_scale(wanted)
        found = verdict(wanted, got)
        assert found.outputs[0].sqnr_db > 40
        assert found.reason == "output 'y', axis 1, 4..9: 0.0 dB, constant 0, the source's is not"
        assert found.outputs[0].worst_slice == WorstSlice(1, 4, pytest.approx(0, abs=0.01))

    def test_boxes_and_scores_with_the_channels_last(self):
        wanted = detector().transpose(0, 2, 1).copy()
        assert "output 'y', axis 2, 4..9" in verdict(wanted, one_scale(wanted)).reason

    def test_scores_that_are_0_or_one_step(self):
        wanted = detector()
        wanted[:, 4:] *= 1.3  # half a step is 1.26: a few become a whole one
        found = verdict(wanted, one_scale(wanted))
        assert "output 'y', axis 1, 4..9" in found.reason
        assert "dB SQNR, below 8 dB for a slice" in found.reason

    def test_a_price_beside_a_probability(self):
        price, chance = 30_000 + 8_000 * draw(64, 1), sigmoid(draw(64, 1, seed=1))
        wanted = np.concatenate([price, chance], 1).astype(np.float32)
        assert "output 'y', axis 1, 1: " in verdict(wanted, one_scale(wanted)).reason

    def test_normalised_boxes_beside_scores_are_well_under_one_scale(self):
        wanted = detector()
        wanted[:, :4] /= 640
        assert verdict(wanted, one_scale(wanted)).is_passed

    def test_scores_with_a_scale_of_their_own_pass(self):
        wanted = detector()
        got = np.concatenate([one_scale(wanted[:, :4]), one_scale(wanted[:, 4:])], 1)
        assert verdict(wanted, got).is_passed


@pytest.mark.parametrize("harm", ["zeroed", "halved", "swapped", "negated"])
@pytest.mark.parametrize("tolerance", [INT8, FLOAT32], ids=["int8", "float32"])
def test_one_channel_of_200_is_seen(harm, tolerance):
    wanted = draw(16, 200, 20)
    got = wanted.copy()
    one = wanted[:, 7].copy()
    got[:, 7] = {"zeroed": 0 * one, "halved": one / 2, "swapped": wanted[:, 8], "negated": -one}[harm]
    found = verdict(wanted, got, tolerance)
    assert not found.is_passed
    assert (found.outputs[0].worst_slice.axis, found.outputs[0].worst_slice.index) == (1, 7)
    if tolerance is INT8 and harm != "negated":
        assert found.outputs[0].sqnr_db > 20
        assert "axis 1, 7: " in found.reason


def test_one_class_of_1000_that_is_never_given_is_seen():
    wanted = draw(96, 1000)
    got = wanted.copy()
    got[:, 123] = 0
    assert "axis 1, 123: " in verdict(wanted, got).reason


def test_axes_longer_than_channels_are_no_slices():
    wanted = draw(16, 2, 300)
    got = wanted.copy()
    got[:, :, 5] = 0
    assert verdict(wanted, got).is_passed  # one place of 300: the figures of the whole say enough


def test_a_slice_of_a_few_entries_says_nothing():
    wanted = draw(4, 40)
    got = wanted.copy()
    got[0, 3] += 1
    assert verdict(wanted, got).outputs[0].worst_slice is None


def test_a_dead_channel_is_measured_by_the_others():
    wanted = draw(32, 80, 10)
    wanted[:, 3] = 0
    assert verdict(wanted, wanted + np.float32(1e-3)).is_passed
    loud = wanted.copy()
    loud[:, 3] = 0.5 * draw(32, 10, seed=5)
    assert "axis 1, 3: " in verdict(wanted, loud).reason


class TestFixedRange:
    """Sigmoids and softmaxes: an error that is small beside their range harms nobody."""

    def probabilities(self):
        """A softmax over classes of which the last is never likelier than a millionth."""
        logits = 4 * draw(64, 12)
        logits[:, -1] -= 20
        return softmax(logits)

    def test_a_class_that_is_never_likely_may_be_0(self):
        wanted = self.probabilities()
        got = one_scale(wanted)
        assert not got[:, -1].any()
        assert verdict(wanted, got).is_passed

    def test_it_may_be_0_where_less_is_asked_of_slices_too(self):
        wanted = self.probabilities()
        lenient = msgspec.structs.replace(INT8, min_slice_sqnr_db=-2.0)  # a constant 0 has 0 dB
        assert verdict(wanted, one_scale(wanted), lenient).is_passed

    def test_a_class_that_the_source_predicts_may_not(self):
        wanted = self.probabilities()
        for lost in range(11):
            got = one_scale(wanted)
            got[:, lost] = 0
            assert f"axis 1, {lost}: " in verdict(wanted, got).reason

    def test_a_class_that_the_source_predicts_once_may_not_either(self):
        wanted = self.probabilities()
        wanted[5] = np.eye(12, dtype=np.float32)[-1]
        got = one_scale(wanted)
        got[:, -1] = 0
        assert "axis 1, 11: " in verdict(wanted, got).reason

    def test_the_range_is_that_of_the_values_not_of_the_type(self):
        wanted = self.probabilities() * np.float32(1e-3)
        got = wanted.copy()
        got[:, 4] = 0
        assert "axis 1, 4: " in verdict(wanted, got).reason

    def test_values_of_both_signs_have_no_fixed_range(self):
        embeddings = draw(64, 16)
        embeddings[:, 3] *= 0.01
        embeddings /= np.abs(embeddings).max()
        got = one_scale(embeddings)
        got[:, 3] = 0
        assert "axis 1, 3: " in verdict(embeddings, got).reason

    def test_float_artifacts_get_no_such_room(self):
        wanted = self.probabilities()
        got = wanted.copy()
        got[:, 4] += np.float32(0.02)
        assert not verdict(wanted, got, FLOAT32).is_passed


class TestVariation:
    """A slice with an offset a thousand times what differs between samples."""

    def output(self):
        wanted = draw(64, 4, 10)
        wanted[:, 2] = 1000 + 0.5 * wanted[:, 2]
        return wanted

    def test_a_float_artifact_that_loses_what_differs_fails(self):
        wanted = self.output()
        got = wanted.copy()
        got[:, 2] += 0.5 * draw(64, 10, seed=3)
        found = verdict(wanted, got, FLOAT32)
        assert found.outputs[0].sqnr_db > 60
        assert "axis 1, 2: what differs between samples has" in found.reason

    def test_float_rounding_of_the_offset_passes(self):
        wanted = self.output()
        assert verdict(wanted, wanted * np.float32(1 + 1e-7), FLOAT32).is_passed

    def test_a_source_that_varies_by_its_rounding_proves_nothing(self):
        wanted = np.full((64, 2), 0.0738, np.float32)
        wanted[::3] = np.nextafter(wanted[::3], 1)  # one unit in the last place
        got = (wanted + 5e-8 * draw(64, 2)).astype(np.float32)
        for tolerance in (FLOAT32, FLOAT16, INT8):
            assert verdict(wanted, got, tolerance).is_passed

    def test_an_integer_artifact_may_round_it_away(self):
        wanted = self.output()
        got = wanted.copy()
        got[:, 2] += 3 * draw(64, 10, seed=3)  # less than a step of 1,000 / 255
        assert verdict(wanted, got).is_passed

    def test_an_integer_artifact_that_loses_more_than_its_steps_fails(self):
        wanted = self.output()
        wanted[:, 2] = 1000 + 20 * draw(64, 10, seed=4)
        for error in (20 * draw(64, 10, seed=3), 20):  # noise, and an offset
            got = wanted.copy()
            got[:, 2] += error
            found = verdict(wanted, got)
            assert found.outputs[0].sqnr_db > 30
            assert "axis 1, 2: what differs between samples has" in found.reason
            assert "below 6 dB" in found.reason

    def test_an_integer_artifact_that_makes_it_constant_fails(self):
        wanted = self.output()
        got = wanted.copy()
        got[:, 2] = 1000
        assert "axis 1, 2: " in verdict(wanted, got).reason
        assert "constant 1e+03" in verdict(wanted, got).reason


def test_ranges_merge_neighbours_and_end_somewhere():
    assert ranges(np.array([4, 5, 6, 9])) == "4..6, 9"
    assert ranges(np.array([1])) == "1"
    assert ranges(np.arange(0, 40, 2)) == "0, 2, 4, 6 and 16 more"
