"""Whether enough samples calibrate: ranges of the model's activations from half of them against all.

The worker observes; what it saw is judged here, in NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from convertkit.artifacts.formats import Format
from convertkit.artifacts.signature import Array, Arrays
from convertkit.artifacts.tensors import read_npz, write_npz
from convertkit.calibration.finding import Finding
from convertkit.errors import ConvertkitError
from convertkit.registry import runtime_row
from convertkit.samples.intake import Intake
from convertkit.workers.answers import Observed
from convertkit.workers.jobs import ObserveJob
from convertkit.workers.pool import Workers

FEWEST = 8
MOST = 128
LONGEST_S = 10.0
HALVES = 32  # of which the mean is taken: a single half is chance
MOST_GROWTH = 0.2
SLOWEST_DECAY = 0.9
MOST_DOUBLINGS = 5


def check_activations(intake: Intake, workers: Workers, scratch: Path, threads: int) -> tuple[Finding, ...]:
    """A warning where the ranges inside the model are not known yet from so many samples; never an error.

    Nothing is said of other sources than PyTorch's, of TorchScript, and of a model that cannot be observed.
    """
    rows = intake.split.calibration[:MOST]
    if intake.artifact.variant.format is not Format.TORCH or intake.samples.origin == "synthetic":
        return ()
    if len(rows) < FEWEST:
        return ()  # told as count
    inputs, ranges = scratch / "observe.npz", scratch / "ranges.npz"
    write_npz(inputs, intake.samples.take(rows))
    job = ObserveJob(intake.artifact, str(inputs), str(ranges), LONGEST_S, threads)
    try:
        answer = workers.ask(runtime_row(Format.TORCH).environment, job, "source.log")
    except ConvertkitError:
        return ()
    assert isinstance(answer, Observed)
    return tuple(judge_ranges(read_npz(ranges))) if answer.layers else ()


def judge_ranges(ranges: Arrays) -> Iterator[Finding]:
    """A warning that says by how much ranges grow from half of the samples to all, and where.

    Args:
        ranges: layer → lowest and highest value of each sample, float64 [samples, 2].
    """
    count = min((len(values) for values in ranges.values()), default=0)
    if count < FEWEST:
        return
    growths = {name: growth(values, count // 2, count) for name, values in ranges.items()}
    growing = [name for name, each in growths.items() if each > MOST_GROWTH]
    if not growing:
        return
    worst = max(growing, key=lambda name: growths[name])
    message = (
        f"activation ranges still grow with more samples: in {len(growing)} of {len(growths)} layers by over "
        f"{MOST_GROWTH:.0%} from {count // 2} to {count}, most in '{worst}', by {growths[worst]:.0%}"
    )
    needed = samples_needed(ranges[worst], count)
    hint = f"calibrate with about {needed} samples, or look for rare outliers" if needed else (
        "calibrate with many more samples, or look for rare outliers"
    )  # fmt: skip
    yield Finding("activations", "warning", "", message, hint)


def growth(values: Array, few: int, many: int) -> float:
    """By what fraction the range of `many` samples is wider than that of `few`, by means over draws."""
    wide = mean_width(values, many)
    narrow = mean_width(values, few)
    if narrow > 0:
        return wide / narrow - 1
    return float("inf") if wide > 0 else 0.0


def mean_width(values: Array, count: int) -> float:
    """Mean width of the range of so many samples, over seeded draws of them."""
    random = np.random.default_rng(0)
    picks = [random.permutation(len(values))[:count] for _ in range(HALVES)]
    return float(np.mean([values[pick, 1].max() - values[pick, 0].min() for pick in picks]))


def samples_needed(values: Array, count: int) -> int | None:
    """How many samples it takes until a doubling widens the range no more than is allowed.

    The growth of the last two doublings is continued; None where it hardly falls.
    """
    before, last = growth(values, count // 4, count // 2), growth(values, count // 2, count)
    decay = last / before if np.isfinite(before) and before > 0 else 1.0
    if decay > SLOWEST_DECAY:
        return None
    doublings = int(np.ceil(np.log(MOST_GROWTH / last) / np.log(decay)))
    return count << doublings if doublings <= MOST_DOUBLINGS else None
