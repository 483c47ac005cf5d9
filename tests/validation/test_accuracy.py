"""Accuracy: its interval, and when it may decide without the figures of the scores."""

import numpy as np
import pytest

from convertkit.artifacts.formats import Precision
from convertkit.validation.accuracy import (
    compared_accuracy,
    drop_interval,
    measure_accuracy,
    rounded_up,
    samples_to_decide,
    undecided,
)
from convertkit.validation.gate import judge
from convertkit.validation.tolerance import DEFAULT_TOLERANCES, Tolerance

INT8 = DEFAULT_TOLERANCES[Precision.INT8]
CLASSES = 10


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def classifier(count, *, right=0.9, lost=0, noise=0.0, seed=0):
    """Labels, the scores of a source right on a share of them, and of an artifact that lost so many more."""
    labels = np.arange(count) % CLASSES
    scores = draw(count, CLASSES, seed=seed)
    is_right = np.arange(count) < right * count
    winner = np.where(is_right, labels, (labels + 1) % CLASSES)
    scores[np.arange(count), winner] = scores.max(1) + 4
    candidate = scores + noise * draw(count, CLASSES, seed=seed + 1)
    behind = candidate.max(1) - candidate[np.arange(count), winner]
    candidate[np.arange(count), winner] += np.where(behind > 0, behind + 0.1, 0)
    for row in range(lost):
        candidate[row] = np.roll(candidate[row], 1)
    return labels, {"y": scores}, {"y": candidate}


def judged(count, tolerance=INT8, **more):
    labels, reference, candidate = classifier(count, **more)
    accuracy = measure_accuracy(reference, candidate, labels)
    return judge(reference, candidate, tolerance, accuracy=accuracy)


def test_accuracy_and_drop_are_measured():
    reference = np.eye(4, dtype=np.float32)
    got = measure_accuracy({"y": reference}, {"y": reference[[0, 1, 2, 0]]}, np.arange(4))
    assert (got.metric, got.value, got.drop, got.output) == ("top1", 0.75, 0.25, "y")
    assert (got.samples, got.lost, got.gained, got.is_chance) == (4, 1, 0, False)
    assert got.drop_ci95[0] < 0.25 < got.drop_ci95[1]


def test_a_better_artifact_has_a_negative_drop():
    right = np.eye(4, dtype=np.float32)
    got = measure_accuracy({"y": right[[0, 1, 2, 0]]}, {"y": right}, np.arange(4))
    assert got.drop == -0.25
    assert (got.lost, got.gained) == (0, 1)


def test_the_scores_are_the_first_output_with_room_for_all_labels():
    outputs = {"small": draw(2, 3), "map": draw(2, 5, 5), "scores": draw(2, 4), "late": draw(2, 9)}
    assert measure_accuracy(outputs, outputs, np.array([0, 3])).output == "scores"


@pytest.mark.parametrize(
    "candidate", [{}, {"scores": draw(2, 5)}, {"other": draw(2, 4)}], ids=["none", "shape", "name"]
)
def test_no_accuracy_where_the_artifact_has_no_such_output(candidate):
    assert measure_accuracy({"scores": draw(2, 4)}, candidate, np.array([0, 3])) is None


def test_no_accuracy_without_labels_or_scores():
    assert measure_accuracy({"y": draw(2, 4)}, {"y": draw(2, 4)}, None) is None
    assert measure_accuracy({"y": draw(2, 4)}, {"y": draw(2, 4)}, np.array([0, 4])) is None
    assert measure_accuracy({"y": draw(2, 4, 4)}, {"y": draw(2, 4, 4)}, np.array([0, 1])) is None


def test_the_interval_by_hand():
    low, high = drop_interval(6, 2, 98)  # rates 0.07 and 0.03 of 100
    half = 1.959964 * np.sqrt((0.10 - 0.04**2) / 100)
    assert (low, high) == pytest.approx((0.04 - half, 0.04 + half))


def test_the_interval_holds_the_truth_as_often_as_it_says():
    random, true = np.random.default_rng(0), 0.02
    draws = random.multinomial(200, [0.05, 0.03, 0.92], size=2000)
    ends = np.array([drop_interval(lost, gained, 200) for lost, gained, _ in draws])
    covered = np.mean((ends[:, 0] <= true) & (true <= ends[:, 1]))
    assert 0.93 <= covered <= 0.98


def test_no_difference_on_few_samples_is_no_proof_of_none():
    assert drop_interval(0, 0, 20)[1] > 0.05
    assert drop_interval(0, 0, 2000)[1] < 0.01


class TestDecides:
    """Alone where the whole interval is within the limit, or the point beyond it."""

    def test_many_samples_pass_at_any_sqnr(self):
        found = judged(5000, noise=1.5)
        assert found.is_passed
        assert found.outputs[0].sqnr_db < 20
        assert found.notes == () or "mostly noise" in found.notes[0]

    def test_few_samples_do_not_excuse_the_sqnr(self):
        found = judged(128, noise=1.5, lost=1)
        assert "dB SQNR, below 20 dB" in found.reason
        assert "accuracy cannot decide on 128 labelled samples: it drops by 0.78 points" in found.notes[-1]

    def test_few_samples_pass_where_the_sqnr_holds_too(self):
        found = judged(128, noise=0.01)
        assert found.is_passed
        assert "accuracy cannot decide on 128" in found.notes[-1]

    def test_a_drop_beyond_the_limit_fails_on_few_samples_too(self):
        found = judged(128, noise=0.0, lost=2)
        assert found.reason.startswith("accuracy drops by 0.0156, more than 0.01")
        assert not any("accuracy" in note for note in found.notes)

    def test_a_recurrent_model_at_2_db_does_not_pass_on_128_samples(self):
        found = judged(128, noise=4.0, lost=1)
        assert found.outputs[0].sqnr_db < 8
        assert not found.is_passed

    def test_an_sqnr_that_was_asked_for_holds_too(self):
        asked = Tolerance(20.0, 0.01, is_sqnr_asked=True)
        assert judged(5000, noise=1.5).is_passed
        assert "below 20 dB" in judged(5000, asked, noise=1.5).reason

    def test_scores_that_are_mostly_noise_are_said_though_accuracy_decides(self):
        found = judged(5000, noise=4.0)
        assert found.is_passed
        assert "mostly noise, though accuracy decides" in found.notes[0]

    def test_a_source_no_better_than_a_guess_decides_nothing(self):
        found = judged(5000, right=0.1, noise=1.5)
        assert not found.is_passed
        assert "no better than a guess" in found.notes[-1]
        assert judged(5000, right=0.1, noise=0.0).is_passed


def test_how_many_samples_would_do():
    labels, reference, candidate = classifier(128, lost=0)
    accuracy = compared_accuracy("y", reference["y"], candidate["y"], labels)
    needed = samples_to_decide(accuracy, 0.01)
    assert drop_interval(0, 0, needed)[1] <= 0.01 < drop_interval(0, 0, needed - 1)[1]
    assert f"about {rounded_up(needed)} would" in undecided(accuracy, 0.01)


def test_no_number_of_samples_proves_a_drop_at_the_limit_to_be_within():
    labels, reference, candidate = classifier(200, lost=2)
    accuracy = compared_accuracy("y", reference["y"], candidate["y"], labels)
    assert samples_to_decide(accuracy, 0.01) is None
    assert "more would not" in undecided(accuracy, 0.01)


def test_rounded_up():
    assert [rounded_up(n) for n in (7, 98, 271, 1001)] == [7, 98, 280, 1100]
