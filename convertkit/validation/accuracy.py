"""Accuracy on labelled samples: the drop, how sure it is, and whether it can decide by itself."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array, Arrays
from convertkit.validation.compare import top1_accuracy

Z95 = 1.959964  # standard normal quantile of a two-sided 95 % interval
CHANCE_MARGIN = 0.1
MOST_SAMPLES = 1 << 24


class Accuracy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accuracy on the labelled validation samples.

    Attributes:
        drop: the source's accuracy minus this artifact's, a fraction.
        output: name of the output that holds the scores.
        drop_ci95: 95 % interval of the drop, paired over the samples; null where it was not measured.
        samples: how many were labelled; 0 where that was not measured.
        lost, gained: samples that only the source, or only this artifact, is right on.
        is_chance: the source is no more often right than a guess, so that its accuracy says nothing.
    """

    metric: str
    value: float
    drop: float
    output: str
    drop_ci95: tuple[float, float] | None = None
    samples: int = 0
    lost: int = 0
    gained: int = 0
    is_chance: bool = False

    def can_decide(self, most: float) -> bool:
        """True where the drop is beyond what is allowed, or its whole interval within."""
        if self.drop > most:
            return True
        return not self.is_chance and (self.drop_ci95 is None or self.drop_ci95[1] <= most)


def measure_accuracy(reference: Arrays, candidate: Arrays, labels: Array | None) -> Accuracy | None:
    """Top-1 accuracy of the first [samples, classes] output; None without labels or such an output."""
    if labels is None:
        return None
    for name, scores in reference.items():
        if scores.ndim == 2 and scores.shape[1] > labels.max(initial=0):
            got = candidate.get(name)
            if got is None or got.shape != scores.shape:
                return None
            return compared_accuracy(name, scores, got, labels)
    return None


def compared_accuracy(name: str, scores: Array, got: Array, labels: Array) -> Accuracy:
    """The accuracy of two sets of scores for the same samples."""
    before, after = scores.argmax(-1) == labels, got.argmax(-1) == labels
    lost, gained = int((before & ~after).sum()), int((after & ~before).sum())
    return Accuracy(
        "top1",
        top1_accuracy(got, labels),
        (lost - gained) / max(1, len(labels)),
        name,
        drop_interval(lost, gained, len(labels)),
        len(labels),
        lost,
        gained,
        is_chance(float(before.mean()), scores.shape[1]),
    )


def drop_interval(lost: float, gained: float, samples: float) -> tuple[float, float]:
    """95 % interval of (lost - gained) / samples, paired over the samples.

    The adjusted Wald interval: one more sample lost and one more gained than were seen, so that it has a
    width where none was.

    Source: Bonett and Price, Adjusted Wald confidence interval for a difference of binomial proportions based
    on paired data, 2012.
    """
    count = samples + 2
    rates = (lost + 1) / count, (gained + 1) / count
    centre = rates[0] - rates[1]
    half = Z95 * math.sqrt(max(0.0, (sum(rates) - centre**2) / count))
    return max(-1.0, centre - half), min(1.0, centre + half)


def samples_to_decide(accuracy: Accuracy, most: float) -> int | None:
    """How many labelled samples would let accuracy decide, if more go on as these; None: no number would."""
    if accuracy.samples == 0 or accuracy.drop >= most:
        return None
    low, high = accuracy.samples, MOST_SAMPLES
    rates = accuracy.lost / accuracy.samples, accuracy.gained / accuracy.samples
    if drop_interval(rates[0] * high, rates[1] * high, high)[1] > most:
        return None
    while low < high:
        middle = (low + high) // 2
        is_enough = drop_interval(rates[0] * middle, rates[1] * middle, middle)[1] <= most
        low, high = (low, middle) if is_enough else (middle + 1, high)
    return low


def is_chance(accuracy: float, classes: int) -> bool:
    """True where an accuracy is about that of a guess among so many classes."""
    guess = 1 / classes
    return accuracy <= guess + CHANCE_MARGIN * (1 - guess)


def accuracy_fault(accuracy: Accuracy, most: float) -> str:
    """What an accuracy breaks; empty where it is within what is allowed."""
    if accuracy.drop <= most:
        return ""
    return f"accuracy drops by {accuracy.drop:.4f}, more than {most:g} (to {accuracy.value:.4f})"


def undecided(accuracy: Accuracy, most: float) -> str:
    """Why accuracy does not decide by itself, and how many samples would let it; empty where it does."""
    if accuracy.can_decide(most):
        return ""
    if accuracy.is_chance:
        source = accuracy.value + accuracy.drop
        return f"the source is right on {source:.1%} of the labelled samples, no better than a guess"
    assert accuracy.drop_ci95 is not None
    low, high = (100 * end for end in accuracy.drop_ci95)
    needed = samples_to_decide(accuracy, most)
    would = f"about {rounded_up(needed):,} would" if needed else "more would not"
    return (
        f"accuracy cannot decide on {accuracy.samples} labelled samples: it drops by "
        f"{100 * accuracy.drop:.2f} points, 95 % interval {low:.2f} to {high:.2f}, "
        f"allowed {100 * most:g}; {would}"
    )


def rounded_up(number: int) -> int:
    """The number, rounded up to two digits that count."""
    unit = 10 ** max(0, len(str(number)) - 2)
    return int(np.ceil(number / unit) * unit)
