"""The gate. Every way an artifact can be wrong that is known has a test here in which the gate fails it."""

import numpy as np
import pytest

from convertkit.artifacts.formats import Precision
from convertkit.validation.accuracy import Accuracy
from convertkit.validation.gate import judge
from convertkit.validation.tolerance import DEFAULT_TOLERANCES, Tolerance

STRICT = Tolerance(60.0)
LOOSE = Tolerance(-200.0, 1.0)  # lets every number pass: what fails here fails before any tolerance


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture
def scores():
    """Outputs of a classifier: 16 samples, 10 classes."""
    return draw(16, 10)


def verdict(reference, candidate, tolerance=STRICT, **more):
    if not isinstance(reference, dict):
        reference, candidate = {"y": reference}, {"y": candidate}
    return judge(reference, candidate, tolerance, **more)


def assert_fails(comparison, words):
    assert not comparison.is_passed
    assert comparison.verdict == "failed"
    assert words in comparison.reason
    assert "\n" not in comparison.reason


class TestPasses:
    def test_the_same_outputs(self, scores):
        comparison = verdict(scores, scores.copy())
        assert comparison.is_passed
        assert comparison.verdict == "passed"
        assert comparison.reason == ""
        assert [row.name for row in comparison.outputs] == ["y"]

    def test_rounding_noise(self, scores):
        assert verdict(scores, scores * np.float32(1 + 1e-5)).is_passed

    def test_a_wider_or_narrower_type_of_the_same_kind(self, scores):
        assert verdict(scores, scores.astype(np.float64)).is_passed
        integers = np.arange(32).reshape(16, 2)
        assert verdict(integers, integers.astype(np.int32)).is_passed

    def test_integer_outputs(self):
        indices = np.arange(32).reshape(16, 2)
        assert verdict(indices, indices.copy()).is_passed
        assert_fails(verdict(indices, indices + 1), "0.0% of the entries agree")

    def test_boolean_outputs(self):
        mask = draw(16, 4) > 0
        assert verdict(mask, mask.copy()).is_passed
        assert_fails(verdict(mask, ~mask), "0.0% of the entries agree")
        assert_fails(verdict(mask, np.ones_like(mask)), "constant")

    def test_a_source_that_is_constant_itself(self):
        constant = np.full((16, 3), 2.5, np.float32)
        assert verdict(constant, constant.copy()).is_passed

    def test_a_source_that_is_the_same_for_every_sample(self):
        anchors = np.repeat(draw(1, 8), 16, axis=0)
        assert verdict(anchors, anchors.copy()).is_passed

    def test_a_single_sample(self):
        one = draw(1, 10)
        assert verdict(one, one.copy()).is_passed

    def test_infinities_at_the_same_places(self, scores):
        scores[:, 3] = -np.inf
        assert verdict(scores, scores.copy()).is_passed

    def test_int8_noise_at_the_int8_tolerance(self, scores):
        step = np.float32(np.abs(scores).max() / 127)
        quantized = np.rint(scores / step) * step
        assert verdict(scores, quantized, DEFAULT_TOLERANCES[Precision.INT8]).is_passed
        assert_fails(verdict(scores, quantized, DEFAULT_TOLERANCES[Precision.FLOAT32]), "dB SQNR")


class TestStructure:
    """What cannot even be compared: no metric is computed, and no tolerance excuses it."""

    def assert_incomparable(self, comparison, words):
        assert_fails(comparison, words)
        assert comparison.outputs == ()

    def test_missing_output(self, scores):
        comparison = verdict({"y": scores, "z": scores}, {"y": scores}, LOOSE)
        self.assert_incomparable(comparison, "outputs are y, expected y, z")

    def test_no_output_at_all(self, scores):
        self.assert_incomparable(verdict({"y": scores}, {}, LOOSE), "outputs are none")

    def test_extra_output(self, scores):
        self.assert_incomparable(verdict({"y": scores}, {"y": scores, "z": scores}, LOOSE), "y, z")

    def test_renamed_output(self, scores):
        self.assert_incomparable(verdict({"y": scores}, {"Identity": scores}, LOOSE), "Identity, expected y")

    def test_outputs_in_another_order(self, scores):
        comparison = verdict({"y": scores, "z": scores}, {"z": scores, "y": scores}, LOOSE)
        self.assert_incomparable(comparison, "outputs are z, y, expected y, z")

    @pytest.mark.parametrize("rows", [15, 17])
    def test_batch_off_by_one(self, scores, rows):
        wrong = draw(rows, 10)
        self.assert_incomparable(verdict(scores, wrong, LOOSE), f"[{rows}, 10], expected [16, 10]")

    def test_other_rank(self, scores):
        self.assert_incomparable(verdict(scores, scores[:, :, np.newaxis], LOOSE), "[16, 10, 1]")

    def test_shape_that_would_broadcast(self, scores):
        self.assert_incomparable(verdict(scores, scores[:, :1], LOOSE), "[16, 1], expected [16, 10]")

    def test_wrong_layout_with_different_sizes(self):
        image = draw(4, 3, 8, 6)
        self.assert_incomparable(verdict(image, image.transpose(0, 2, 3, 1), LOOSE), "[4, 8, 6, 3]")

    @pytest.mark.parametrize("dtype", ["int32", "uint8", "bool", "complex64"])
    def test_wrong_kind_of_type(self, scores, dtype):
        self.assert_incomparable(verdict(scores, scores.astype(dtype), LOOSE), f"has type {dtype}")

    def test_signed_for_unsigned(self):
        values = np.arange(16, dtype=np.uint8).reshape(8, 2)
        self.assert_incomparable(verdict(values, values.astype(np.int8), LOOSE), "has type int8")

    @pytest.mark.parametrize("shape", [(0,), (16, 0), (0, 10)])
    def test_empty_tensor(self, shape):
        empty = np.zeros(shape, np.float32)
        self.assert_incomparable(verdict(empty, empty, LOOSE), "empty")

    def test_an_empty_output_beside_a_good_one(self, scores):
        empty = np.zeros((16, 0), np.float32)
        comparison = verdict({"y": scores, "z": empty}, {"y": scores, "z": empty}, LOOSE)
        self.assert_incomparable(comparison, "output 'z' is empty")


class TestValues:
    """What no tolerance may excuse, however loose."""

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_one_value_that_is_not_finite(self, scores, bad):
        wrong = scores.copy()
        wrong[3, 7] = bad
        assert_fails(verdict(scores, wrong, LOOSE), "has 1 wrong NaN or Inf")

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_nothing_but_values_that_are_not_finite(self, scores, bad):
        assert_fails(verdict(scores, np.full_like(scores, bad), LOOSE), "has 160 wrong NaN or Inf")

    def test_finite_where_the_source_is_not(self, scores):
        masked = scores.copy()
        masked[0, :2] = -np.inf
        assert_fails(verdict(masked, scores, LOOSE), "has 2 wrong NaN or Inf")

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_another_kind_of_not_finite(self, scores, bad):
        masked, wrong = scores.copy(), scores.copy()
        masked[0, :2] = -np.inf
        wrong[0, :2] = bad
        assert_fails(verdict(masked, wrong, LOOSE), "has 2 wrong NaN or Inf")

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_only_nan_in_both_proves_nothing(self, scores, bad):
        nothing = np.full_like(scores, bad)
        assert_fails(verdict(nothing, nothing.copy(), LOOSE), "nothing can be compared")

    def test_only_nan_in_one_output_of_two(self, scores):
        nothing = np.full_like(scores, np.nan)
        outputs = {"y": scores, "z": nothing}
        assert_fails(verdict(outputs, dict(outputs), LOOSE), "output 'z'")

    def test_all_zeros(self, scores):
        assert_fails(verdict(scores, np.zeros_like(scores), LOOSE), "is constant (0)")

    def test_constant(self, scores):
        assert_fails(verdict(scores, np.full_like(scores, 0.1), LOOSE), "is constant (0.1)")

    def test_same_output_for_every_sample(self, scores):
        wrong = np.repeat(scores[:1], len(scores), axis=0)
        assert_fails(verdict(scores, wrong, LOOSE), "the same for every sample")

    def test_the_fault_names_the_output(self, scores):
        comparison = verdict({"y": scores, "z": scores}, {"y": scores, "z": np.zeros_like(scores)}, LOOSE)
        assert_fails(comparison, "output 'z' is constant")


class TestTolerance:
    """What only numbers can tell."""

    def test_equal_cosine_but_scaled_by_two(self, scores):
        comparison = verdict(scores, scores * 2, DEFAULT_TOLERANCES[Precision.INT8])
        assert comparison.outputs[0].cosine == pytest.approx(1)
        assert comparison.outputs[0].top1_agreement == 1
        assert_fails(comparison, "0.0 dB SQNR, below 20 dB")

    def test_an_offset(self, scores):
        assert_fails(verdict(scores, scores + 1, DEFAULT_TOLERANCES[Precision.INT8]), "dB SQNR")

    def test_a_sign(self, scores):
        assert_fails(verdict(scores, -scores, DEFAULT_TOLERANCES[Precision.INT8]), "dB SQNR")

    def test_two_outputs_of_the_same_shape_swapped(self, scores):
        other = draw(16, 10, seed=1)
        comparison = verdict(
            {"boxes": scores, "scores": other},
            {"boxes": other, "scores": scores},
            DEFAULT_TOLERANCES[Precision.INT8],
        )
        assert_fails(comparison, "output 'boxes'")
        assert len(comparison.outputs) == 2

    def test_wrong_layout_with_equal_height_and_width(self):
        image = draw(4, 3, 8, 8)
        wrong = image.transpose(0, 1, 3, 2)
        assert wrong.shape == image.shape
        assert_fails(verdict(image, wrong, DEFAULT_TOLERANCES[Precision.INT8]), "dB SQNR")

    def test_samples_in_another_order(self, scores):
        assert_fails(verdict(scores, scores[::-1], DEFAULT_TOLERANCES[Precision.INT8]), "dB SQNR")

    def test_one_wrong_sample_of_many(self):
        many = draw(512, 10)
        wrong = many.copy()
        wrong[100] = many[101]
        assert_fails(verdict(many, wrong), "dB SQNR")

    def test_zero_reference(self, scores):
        zero = np.zeros_like(scores)
        assert_fails(verdict(zero, scores * np.float32(1e-6), Tolerance(-100)), "-200.0 dB SQNR")
        assert verdict(zero, zero.copy()).is_passed

    def test_the_worst_output_decides(self, scores):
        good_and_bad = {"y": scores, "z": scores * np.float32(1.1)}
        comparison = verdict({"y": scores, "z": scores}, good_and_bad)
        assert_fails(comparison, "output 'z'")
        assert comparison.outputs[0].sqnr_db == 200

    def test_the_limit_itself_passes(self):
        reference, candidate = np.array([[3.0, 4.0]]), np.array([[3.0, 4.5]])
        reached = verdict(reference, candidate, Tolerance(0)).outputs[0].sqnr_db
        assert verdict(reference, candidate, Tolerance(reached)).is_passed
        assert not verdict(reference, candidate, Tolerance(reached + 1e-9)).is_passed


class TestAccuracy:
    """Labels decide for the scores of an integer target, and for nothing else."""

    INT8 = DEFAULT_TOLERANCES[Precision.INT8]

    def accuracy(self, drop, output="y"):
        return Accuracy("top1", 0.9, drop, output)

    def test_a_drop_over_the_tolerance_fails_whatever_the_sqnr(self, scores):
        comparison = verdict(scores, scores.copy(), self.INT8, accuracy=self.accuracy(0.011))
        assert_fails(comparison, "accuracy drops by 0.0110, more than 0.01 (to 0.9000)")

    @pytest.mark.parametrize("drop", [0.01, 0.0, -0.05])
    def test_a_drop_within_the_tolerance_decides_for_the_scores(self, scores, drop):
        noisy = scores * 2
        assert verdict(scores, noisy, self.INT8, accuracy=self.accuracy(drop)).is_passed
        assert_fails(verdict(scores, noisy, self.INT8), "dB SQNR")

    def test_other_outputs_are_still_judged_by_sqnr(self, scores):
        outputs = {"y": scores, "boxes": scores * 2}
        comparison = verdict({"y": scores, "boxes": scores}, outputs, self.INT8, accuracy=self.accuracy(0.0))
        assert_fails(comparison, "output 'boxes': 0.0 dB SQNR")

    @pytest.mark.parametrize("value", [np.nan, 0.0, 1.0])
    def test_no_accuracy_excuses_broken_scores(self, scores, value):
        wrong = np.full_like(scores, value)
        assert not verdict(scores, wrong, LOOSE, accuracy=self.accuracy(-1.0)).is_passed

    def test_no_accuracy_excuses_the_same_scores_for_every_sample(self, scores):
        wrong = np.repeat(scores[:1], len(scores), axis=0)
        assert_fails(verdict(scores, wrong, LOOSE, accuracy=self.accuracy(0.0)), "every sample")


class TestDiscreteOutputs:
    """Class numbers and masks: SQNR says nothing about them, agreement does."""

    labels = np.arange(100, dtype=np.int64).reshape(100) % 10

    def judged(self, candidate: np.ndarray, precision: Precision):
        return judge({"label": self.labels}, {"label": candidate}, DEFAULT_TOLERANCES[precision])

    def test_a_few_other_classes_pass_an_integer_gate_and_fail_a_float_gate(self) -> None:
        candidate = self.labels.copy()
        candidate[:5] = 9
        found = self.judged(candidate, Precision.INT8)
        assert found.is_passed
        assert found.outputs[0].agreement == pytest.approx(0.95, abs=0.011)
        assert "agree, fewer than 99.0%" in self.judged(candidate, Precision.FLOAT32).reason

    def test_many_other_classes_fail_however_small_the_difference(self) -> None:
        assert not self.judged((self.labels + 1) % 10, Precision.INT8).is_passed

    def test_masks(self) -> None:
        mask = self.labels > 4
        tolerance = DEFAULT_TOLERANCES[Precision.FLOAT32]
        assert judge({"m": mask}, {"m": mask.copy()}, tolerance).is_passed
        assert not judge({"m": mask}, {"m": ~mask}, tolerance).is_passed

    def test_a_class_that_is_never_given_fails_though_the_others_agree(self) -> None:
        labels = np.repeat(np.arange(10), 30)[: 10 * 30]
        labels = np.where(np.arange(300) % 19 == 0, 10, labels)  # 16 of 300: agreement stays above 90 %
        candidate = np.where(labels == 10, 0, labels)
        found = judge({"label": labels}, {"label": candidate}, DEFAULT_TOLERANCES[Precision.INT8])
        assert found.reason == "output 'label' is never 10, which the source gives in 16 of 300 entries"
