"""Samples: which are lost, by their rows in the samples' file."""

import numpy as np
import pytest

from convertkit.artifacts.formats import Precision
from convertkit.validation.gate import judge
from convertkit.validation.grounds import Grounds
from convertkit.validation.tolerance import DEFAULT_TOLERANCES
from tests.validation.outputs import draw, one_scale, sigmoid, softmax, waveforms

INT8 = DEFAULT_TOLERANCES[Precision.INT8]
FLOAT32 = DEFAULT_TOLERANCES[Precision.FLOAT32]


def verdict(reference, candidate, tolerance=INT8, **grounds):
    return judge({"y": reference}, {"y": candidate}, tolerance, grounds=Grounds(**grounds))


class TestScales:
    """Samples of different scale under one: the quiet ones are lost, and the loud ones make the figure."""

    def test_three_of_four_samples_300_times_quieter(self):
        wanted = waveforms()
        found = verdict(wanted, one_scale(wanted))
        (row,) = found.outputs
        assert row.sqnr_db > 30
        assert row.sample_sqnr_p5_db < 8
        assert row.lost_samples == 120
        assert "120 of 160 samples are lost, below 8 dB SQNR (rows " in found.reason

    def test_within_the_range_of_audio_files(self):
        wanted = waveforms() / 5
        assert np.abs(wanted).max() < 1
        assert "120 of 160 samples are lost" in verdict(wanted, one_scale(wanted)).reason

    def test_embeddings_of_which_half_are_short(self):
        wanted = draw(64, 128) * np.where(np.arange(64) % 2, 1, 0.002)[:, None].astype(np.float32)
        assert "32 of 64 samples are lost" in verdict(wanted, one_scale(wanted)).reason

    def test_samples_ten_times_quieter_survive_int8(self):
        wanted = waveforms(quiet=0.1)
        assert verdict(wanted, one_scale(wanted)).is_passed


class TestFew:
    """Fewer than a quarter: named, not failed."""

    def few(self):
        wanted = draw(40, 300)
        wanted[[3, 17, 31]] *= np.float32(1e-3)
        return wanted, one_scale(wanted)

    def test_rows_are_those_of_the_file(self):
        wanted, got = self.few()
        rows = tuple(range(100, 180, 2))
        found = verdict(wanted, got, rows=rows)
        assert found.is_passed
        assert found.outputs[0].lost_samples == 3
        assert {figure.row for figure in found.outputs[0].worst_samples} == {106, 134, 162}
        assert "output 'y': 3 of 40 samples are lost, below 8 dB SQNR (rows " in found.notes[0]

    def test_at_most_five_are_named_the_worst_first(self):
        wanted = draw(80, 300)
        wanted[:15] *= np.float32(1e-3)
        (row,) = verdict(wanted, one_scale(wanted)).outputs
        assert row.lost_samples == 15
        assert len(row.worst_samples) == 5
        figures = [figure.sqnr_db for figure in row.worst_samples]
        assert figures == sorted(figures)

    def test_a_quarter_fails(self):
        wanted = draw(40, 300)
        wanted[:9] *= np.float32(1e-3)
        assert verdict(wanted, one_scale(wanted)).is_passed
        wanted[:10] = wanted[20:30] * np.float32(1e-3)
        assert "10 of 40 samples are lost" in verdict(wanted, one_scale(wanted)).reason


def test_a_text_detector_may_give_0_where_there_is_no_text():
    maps = sigmoid(3 * draw(40, 1, 16, 16))
    maps[:20] = 1e-6 * np.abs(draw(20, 1, 16, 16))
    got = one_scale(maps)
    assert not got[:20].any()
    found = verdict(maps, got)
    assert found.is_passed
    assert found.outputs[0].lost_samples == 0


def test_a_sample_that_is_exactly_0_is_measured_by_the_others():
    wanted = draw(40, 50)
    wanted[:15] = 0
    assert verdict(wanted, wanted + np.float32(1e-3)).is_passed
    wrong = wanted.copy()
    wrong[:15] = draw(15, 50, seed=4)
    assert not verdict(wanted, wrong).is_passed


class TestMixedUp:
    """One sample that is another's: hidden where all samples share an offset."""

    def output(self, count=64):
        return (300 + 20 * draw(count, 8)).astype(np.float32)

    @pytest.mark.parametrize("tolerance", [INT8, FLOAT32], ids=["int8", "float32"])
    def test_one_of_64(self, tolerance):
        wanted = self.output()
        got = wanted + np.float32(0.01) * draw(64, 8, seed=2)
        got[10] = got[11]
        found = verdict(wanted, got, tolerance, rows=range(200, 264))
        if tolerance is INT8:
            assert found.outputs[0].sqnr_db > 35
            assert "as wrong as another sample's in 1 of 64 samples (row 210 " in found.reason
        assert not found.is_passed

    @pytest.mark.parametrize("noise", [0.5, 2, 3])  # 32, 20, 16 dB below what differs between samples
    def test_one_of_64_beside_the_noise_of_int8(self, noise):
        wanted = self.output()
        got = wanted + np.float32(noise) * draw(64, 8, seed=2)
        assert verdict(wanted, got).is_passed
        got[10] = got[11]
        assert "as wrong as another sample's in 1 of 64" in verdict(wanted, got).reason

    def test_a_batch_that_is_off_by_one_at_its_end(self):
        wanted = self.output(96)
        got = wanted.copy()
        got[31::32] = got[30::32]
        assert "as wrong as another sample's in 3 of 96" in verdict(wanted, got).reason

    def test_one_of_500_that_int8_decides_otherwise_passes(self):
        wanted = softmax(8 * draw(500, 5))
        got = one_scale(wanted)
        got[7] = np.roll(got[7], 1)
        assert verdict(wanted, got).is_passed

    def test_noise_that_is_everywhere_is_not_a_mix_up(self):
        wanted = self.output()
        assert verdict(wanted, wanted + 6 * draw(64, 8, seed=1)).is_passed

    def test_noise_as_large_as_what_differs_is_said_to_be_that(self):
        wanted = self.output()
        found = verdict(wanted, wanted + 20 * draw(64, 8, seed=1))
        assert found.outputs[0].sqnr_db > 20
        assert "what differs between samples has -" in found.reason
        assert "below 6 dB" in found.reason
        assert "what differs between samples has 0." in found.notes[0]
        assert "the rest of 24." in found.notes[0]

    def test_a_loud_sample_that_is_clipped_is_not_another(self):
        wanted = draw(64, 50)
        wanted[5] *= 3
        assert verdict(wanted, np.clip(wanted, -5, 5)).is_passed


def test_a_single_sample_has_no_quantile():
    one = draw(1, 30)
    assert verdict(one, one.copy()).outputs[0].sample_sqnr_p5_db is None
