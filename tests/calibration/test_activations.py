"""Activation ranges from half of the samples against all: made-up ranges, and a model that is watched."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from convertkit.artifacts.formats import Format, Variant
from convertkit.artifacts.tensors import read_npz, write_npz
from convertkit.calibration.activations import check_activations, growth, judge_ranges, samples_needed
from convertkit.errors import WorkerCrashedError
from convertkit.samples.samples import Samples, Split
from convertkit.workers.answers import Observed
from convertkit.workers.jobs import ObserveJob


def ranges(scales: np.ndarray) -> np.ndarray:
    """A layer that sees -1..1 times each sample's scale."""
    return np.stack([-scales, scales], axis=1)


STEADY = ranges(np.random.default_rng(0).uniform(0.9, 1.0, 32))
WILD = ranges(np.exp(np.random.default_rng(1).normal(0, 2, 32)))


def test_growth_is_that_of_the_mean_range_of_half() -> None:
    doubled = ranges(np.array([1.0] * 31 + [2.0]))  # half of the draws of 16 hold the one wide sample
    assert 1 < 2 / (1 + growth(doubled, 16, 32)) < 2
    assert growth(ranges(np.ones(32)), 16, 32) == 0
    assert growth(np.zeros((32, 2)), 16, 32) == 0


def test_steady_ranges_are_not_worth_a_word() -> None:
    assert list(judge_ranges({"first": STEADY, "second": 3 * STEADY})) == []


def test_a_warning_names_the_layer_that_grows_most_and_both_counts() -> None:
    (found,) = judge_ranges({"first": STEADY, "second": WILD, "third": STEADY + 1})
    assert (found.check, found.severity) == ("activations", "warning")
    assert "in 1 of 3 layers" in found.message
    assert "from 16 to 32" in found.message
    assert "most in 'second'" in found.message
    assert "calibrate with" in found.hint


def test_too_few_to_judge() -> None:
    assert list(judge_ranges({"first": WILD[:7]})) == []
    assert list(judge_ranges({})) == []


def test_the_number_of_samples_asked_for_is_one_at_which_ranges_hardly_grow() -> None:
    def layer(count: int) -> np.ndarray:
        """Wide samples are rare, and not endlessly wide."""
        return ranges(((np.arange(count) + 0.5) / count) ** 4)

    assert growth(layer(8), 4, 8) > 0.2
    needed = samples_needed(layer(8), 8)
    assert needed in (16, 32, 64)
    assert growth(layer(4 * needed), needed // 2, needed) < 0.2


def test_no_number_where_growth_does_not_fall() -> None:
    assert samples_needed(ranges(2.0 ** np.arange(32)), 32) is None


class TestAsked:
    """The worker is a stand-in that writes what it is told to."""

    def found(self, tmp_path: Path, *, format: Format = Format.TORCH, crash: bool = False) -> Any:
        asked: list[ObserveJob] = []

        def ask(environment: str, job: ObserveJob, log: str) -> Observed:
            asked.append(job)
            if crash:
                raise WorkerCrashedError("gone")
            write_npz(job.ranges, {"layer": WILD})
            return Observed(1)

        intake = SimpleNamespace(
            artifact=SimpleNamespace(variant=Variant(format)),
            samples=Samples("file", "", {"x": np.ones((300, 4), np.float32)}),
            split=Split(tuple(range(200)), tuple(range(200, 300))),
        )
        return check_activations(intake, SimpleNamespace(ask=ask), tmp_path, 1), asked

    def test_the_calibration_samples_are_observed_up_to_a_bound(self, tmp_path: Path) -> None:
        (finding,), (job,) = self.found(tmp_path)
        assert finding.check == "activations"
        assert len(read_npz(job.inputs)["x"]) == 128

    def test_a_model_that_cannot_be_observed_stops_nothing(self, tmp_path: Path) -> None:
        assert self.found(tmp_path, crash=True)[0] == ()

    def test_other_formats_are_not_asked(self, tmp_path: Path) -> None:
        assert self.found(tmp_path, format=Format.ONNX) == ((), [])
