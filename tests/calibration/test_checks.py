"""Calibration data: every defect is found by its own check, and the same data without it by none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convertkit.calibration.checks import check_calibration
from convertkit.calibration.finding import refuse
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import SamplesError
from convertkit.samples.arrays import load_arrays
from convertkit.samples.samples import Samples, split_samples
from tests.conftest import FIXTURES

NAMES = ("digits", "mlp", "transformer", "two_inputs")


@pytest.fixture
def digits():
    return load_arrays(FIXTURES / "digits" / "samples.npz")


def findings_of(samples, **options):
    chosen = SampleOptions(**options)
    split = split_samples(samples.count, chosen, needs_calibration=True)
    return check_calibration(samples, split, chosen)


def checks(findings):
    return [(finding.check, finding.severity) for finding in findings]


def found(labels=None, **arrays):
    return findings_of(Samples("file", "", arrays, labels))


def told(findings, check, severity, *words):
    """Exactly one finding, with these words in its one line."""
    assert checks(findings) == [(check, severity)], findings
    for word in words:
        assert word in findings[0].message
    assert "\n" not in findings[0].message + findings[0].hint


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class TestDigits:
    """The list of what has to be caught; the accuracy that settles the rest is in test_evidence."""

    def changed(self, digits, change, labels=None):
        arrays = {"image": np.ascontiguousarray(change(digits.arrays["image"]), np.float32)}
        return findings_of(Samples("file", "", arrays, digits.labels if labels is None else labels))

    def test_all_zeros(self, digits):
        told(self.changed(digits, np.zeros_like), "constant", "error", "'image'", "all zeros")

    def test_wrong_scale_by_255(self, digits):
        told(self.changed(digits, lambda x: x * 255), "range", "error", "-255 to 255", "multiplied by 255")
        told(self.changed(digits, lambda x: x / 255), "range", "error", "divided by 255")
        raw = self.changed(digits, lambda x: np.rint((x + 1) / 2 * 255))
        told(raw, "range", "error", "not normalised", "whole numbers from 0 to 255")

    def test_normalised_twice(self, digits):
        told(self.changed(digits, lambda x: (x - 0.5) / 0.5), "range", "error", "-3 to 1", "normalised twice")

    def test_one_repeated_sample(self, digits):
        repeated = self.changed(digits, lambda x: np.repeat(x[7:8], len(x), 0))
        told(repeated, "duplicates", "error", "all 128", "the same sample")

    def test_one_sample_with_noise(self, digits):
        nearly = self.changed(digits, lambda x: x[7:8] + 1e-4 * noise(*x.shape))
        told(nearly, "duplicates", "error", "hardly differ")

    def test_three_samples(self, digits):
        three = Samples("file", "", digits.take([0, 1, 2]), digits.labels[:3])
        told(findings_of(three), "count", "error", "3 samples leave 1")

    def test_labels_of_one_class(self, digits):
        rows = np.flatnonzero(digits.labels == 4)
        one = Samples("file", "", digits.take(rows), digits.labels[rows])
        told(findings_of(one), "classes", "error", "same label, 4")
        told(self.changed(digits, lambda x: x, digits.labels * 0), "classes", "error", "same label, 0")

    def test_the_same_without_the_defect(self, digits):
        assert findings_of(digits) == ()


@pytest.mark.parametrize("name", NAMES)
def test_shipped_samples_have_no_finding(name):
    samples = load_arrays(FIXTURES / name / "samples.npz")
    for seed in range(5):
        assert findings_of(samples, seed=seed) == ()


class TestCount:
    @pytest.mark.parametrize(
        ("count", "severity"), [(3, "error"), (6, "error"), (8, "warning"), (30, "warning")]
    )
    def test_too_few(self, count, severity):
        told(found(x=noise(count, 64)), "count", severity)

    def test_it_is_the_calibration_split_that_counts(self):
        samples = Samples("file", "", {"x": noise(200, 64)})
        told(findings_of(samples, calibration=3), "count", "error", "200 samples leave 3")
        assert findings_of(samples, calibration=16) == ()

    def test_enough(self):
        assert found(x=noise(32, 64)) == ()


class TestConstant:
    def test_another_value_than_zero(self):
        told(found(x=np.full((64, 20), 0.5, np.float32)), "constant", "error", "always 0.5")

    def test_every_sample_blank(self):
        values = np.repeat(np.linspace(-1, 1, 64, dtype=np.float32)[:, None], 20, 1)
        told(found(x=values), "constant", "error", "32 of 32", "one value throughout")

    def test_some_samples_blank(self):
        values = noise(64, 20)
        values[::4] = 0.25
        (finding,) = (each for each in found(x=values) if each.check == "constant")
        assert finding.severity == "warning"

    def test_a_few_blank_samples_are_life(self):
        values = noise(64, 20)
        values[5] = 0
        assert found(x=values) == ()

    def test_an_initial_state_of_zeros_beside_real_data_does_not_stop(self):
        state = np.zeros((64, 32), np.float32)
        told(found(x=noise(64, 64), state=state), "constant", "warning", "'state' is all zeros")

    def test_a_mask_may_be_constant(self):
        assert found(x=noise(64, 64), mask=np.ones((64, 16), np.int64), flag=np.ones(64, bool)) == ()

    def test_token_ids_that_are_all_zero(self):
        told(found(ids=np.zeros((64, 16), np.int64)), "constant", "error", "all zeros")

    def test_one_value_a_sample_is_no_blank_sample(self):
        assert found(x=noise(64, 1)) == ()


class TestDuplicates:
    def test_mostly_duplicates(self):
        told(found(x=noise(10, 64)[np.arange(100) % 10]), "duplicates", "error", "only 10 of 50")

    def test_some_duplicates(self):
        rows = np.arange(100)
        rows[:40] = np.arange(40) // 2
        kinds = checks(found(x=noise(100, 64)[rows]))
        assert kinds == [("duplicates", "warning")]

    def test_validation_samples_that_calibrated_too(self):
        values = noise(200, 64)
        split = split_samples(200, SampleOptions(), needs_calibration=True)
        values[list(split.validation[:30])] = values[list(split.calibration[:30])]
        told(found(x=values), "duplicates", "warning", "30 validation samples")

    def test_a_few_states_repeat_by_nature(self):
        flags = np.random.default_rng(0).integers(0, 2, (200, 3)).astype(np.float32)
        assert found(x=flags) == ()

    def test_samples_are_the_same_only_if_every_input_is(self):
        same = np.repeat(noise(1, 64), 64, 0)
        told(found(a=same, b=noise(64, 64)), "channels", "warning", "'a' is the same in every")


class TestChannels:
    def test_an_empty_channel(self):
        values = noise(64, 3, 8, 8)
        values[:, 2] = 0
        told(found(x=values), "channels", "warning", "channel 2 of 'x'")
        told(found(x=np.ascontiguousarray(np.moveaxis(values, 1, -1))), "channels", "warning", "channel 2")

    def test_an_empty_feature(self):
        values = noise(64, 6)
        values[:, 3] = 1
        told(found(x=values), "channels", "warning", "feature 3 of 'x'")

    def test_pixels_of_a_row_may_be_constant(self):
        values = noise(64, 784)
        values[:, :40] = 0
        assert found(x=values) == ()


class TestRanges:
    def test_validation_far_outside_of_calibration(self):
        values = noise(100, 64)
        split = split_samples(100, SampleOptions(), needs_calibration=True)
        values[list(split.validation)] *= 4
        told(found(x=values), "coverage", "warning", "'x'", "far outside")

    def test_a_range_that_still_grows(self):
        values = noise(64, 256)
        split = split_samples(64, SampleOptions(), needs_calibration=True)
        values[split.calibration[0]] *= 20
        kinds = checks(found(x=values))
        assert kinds == [("convergence", "warning")]

    @given(
        st.integers(0, 2**31),
        st.sampled_from(["normal", "uniform", "laplace", "exponential"]),
        st.sampled_from([(1, 8, 8), (6,), (3, 16, 16), (16, 64)]),
    )
    def test_no_false_alarm_on_64_samples_of_a_distribution(self, seed, name, shape):
        values = getattr(np.random.default_rng(seed), name)(size=(64, *shape)).astype(np.float32)
        assert not [each for each in found(x=values) if each.severity == "error"]


class TestClasses:
    def test_missing_classes(self, digits):
        labels = digits.labels.copy()
        split = split_samples(digits.count, SampleOptions(), needs_calibration=True)
        labels[list(split.calibration)] %= 7
        findings = findings_of(Samples("file", "", digits.arrays, labels))
        told(findings, "classes", "warning", "7 of 10 classes")

    def test_calibration_of_one_class_among_many(self, digits):
        labels = digits.labels.copy()
        split = split_samples(digits.count, SampleOptions(), needs_calibration=True)
        labels[list(split.calibration)] = 5
        findings = findings_of(Samples("file", "", digits.arrays, labels))
        told(findings, "classes", "error", "one class, 5, of 10")

    def test_more_classes_than_samples_are_not_expected_to_be_covered(self):
        labels = np.arange(200)
        assert found(labels, x=noise(200, 64)) == ()


class TestAccept:
    def test_a_check_that_is_named_stops_nothing_but_stays_told(self, digits):
        zeros = Samples("file", "", {"image": np.zeros((64, 1, 8, 8), np.float32)})
        with pytest.raises(SamplesError, match=r"all zeros.*sampling\.accept=\[constant\]") as caught:
            refuse(findings_of(zeros))
        assert caught.value.exit_code == 6
        accepted = findings_of(zeros, accept=("constant",))
        refuse(accepted)
        told(accepted, "constant", "accepted")
        assert accepted[0].note.startswith("calibration, accepted by name (constant): ")

    def test_other_checks_still_stop(self):
        three = Samples("file", "", {"x": noise(3, 64)})
        with pytest.raises(SamplesError, match="3 samples leave 1"):
            refuse(findings_of(three, accept=("constant", "range")))

    def test_a_warning_is_no_error(self):
        refuse(findings_of(Samples("file", "", {"x": noise(10, 64)})))

    def test_several_errors_are_one_line(self):
        labels = np.zeros(64, np.int64)
        with pytest.raises(SamplesError, match=r"all zeros.*also: classes") as caught:
            refuse(found(labels, x=np.zeros((64, 20), np.float32)))
        assert "[constant,classes]" in caught.value.hint


def test_random_data_that_was_asked_for_is_not_judged():
    assert findings_of(Samples("synthetic", "", {"x": np.zeros((32, 4), np.float32)})) == ()
