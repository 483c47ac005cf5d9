"""Constancy: relative to what the source varies by and can hold apart, never by exact equality."""

import numpy as np
import pytest

from convertkit.artifacts.formats import Precision
from convertkit.validation.gate import judge
from convertkit.validation.tolerance import DEFAULT_TOLERANCES, Tolerance
from tests.validation.outputs import draw

FLOAT32 = DEFAULT_TOLERANCES[Precision.FLOAT32]
LOOSE = Tolerance(-200.0, 1.0)


def verdict(reference, candidate, tolerance=FLOAT32):
    return judge({"y": reference}, {"y": candidate}, tolerance)


class TestRightArtifacts:
    def test_a_source_that_varies_by_rounding_may_become_constant(self):
        wanted = (0.188 + 1.5e-8 * draw(64, 4)).astype(np.float32)
        assert len(np.unique(wanted)) > 1
        found = verdict(wanted, np.full_like(wanted, 0.188))
        assert found.is_passed
        assert found.outputs[0].sqnr_db > 120

    def test_samples_of_equal_bits_prove_nothing(self):
        wanted = draw(32, 10)
        wanted[1] = wanted[0]
        assert verdict(wanted, wanted * np.float32(1 + 1e-6)).is_passed

    def test_an_artifact_whose_samples_are_equal_to_the_last_bit_where_the_sources_nearly_are(self):
        wanted = np.repeat(draw(1, 10), 32, axis=0)
        wanted[3:] *= np.float32(1 + 1e-7)
        assert verdict(wanted, np.repeat(wanted[:1], 32, axis=0)).is_passed

    def test_a_constant_channel_of_the_source(self):
        wanted = draw(32, 4, 5)
        wanted[:, 2] = 0.7
        assert verdict(wanted, wanted * np.float32(1 + 1e-6)).is_passed


class TestWrongArtifacts:
    """No tolerance excuses them."""

    @pytest.mark.parametrize("spread", [1, 1e-2, 1e-4])
    def test_constant_where_the_source_varies_by_more_than_rounding(self, spread):
        wanted = (0.188 + spread * draw(64, 4)).astype(np.float32)
        assert "is constant (0.188" in verdict(wanted, np.full_like(wanted, 0.188), LOOSE).reason

    def test_next_to_constant(self):
        wanted = draw(64, 4)
        assert "is constant" in verdict(wanted, np.float32(1e-4) * wanted, LOOSE).reason

    def test_the_same_for_every_sample_but_for_rounding(self):
        wanted = draw(64, 4)
        got = np.repeat(wanted[:1], 64, axis=0) + np.float32(1e-6) * draw(64, 4, seed=1)
        assert "the same for every sample" in verdict(wanted, got, LOOSE).reason

    def test_a_channel_that_is_constant(self):
        wanted = draw(32, 6, 5)
        got = wanted.copy()
        got[:, 1:3] = 0.5
        found = verdict(wanted, got, LOOSE)
        assert found.reason.startswith("output 'y', axis 1, 1..2: ")
        assert "constant 0.5, the source's is not" in found.reason

    def test_a_channel_that_is_the_same_for_every_sample(self):
        wanted = draw(32, 6, 5)
        got = wanted.copy()
        got[:, 4] = got[:1, 4]
        found = verdict(wanted, got, LOOSE)
        assert found.reason == "output 'y', axis 1, 4: the same for every sample, the source's is not"


def test_infinities_of_the_source_are_left_out():
    wanted = draw(32, 6, 8)
    wanted[:, :, 5:] = -np.inf
    got = wanted.copy()
    got[:, 2, :5] = 1
    assert verdict(wanted, wanted.copy()).is_passed
    assert "axis 1, 2: " in verdict(wanted, got, LOOSE).reason
