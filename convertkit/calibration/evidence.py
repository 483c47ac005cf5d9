"""What the source model says of labelled samples: whether they are prepared as those it was trained on.

The model is right on samples as in training. Where it is not, it is asked again on the same samples with one
usual mistake of preparation undone: the change that makes it right names the mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec
import numpy as np

from convertkit.artifacts.signature import Array, Arrays
from convertkit.calibration.finding import Finding, accept
from convertkit.calibration.value_range import (
    BYTE,
    IMAGE_RANK,
    LARGEST_USUAL,
    SMALLEST_USUAL,
    known_normalisations,
)
from convertkit.config.run_settings import SampleOptions
from convertkit.errors import ConvertkitError
from convertkit.samples.intake import Intake
from convertkit.samples.samples import Samples
from convertkit.validation.accuracy import measure_accuracy
from convertkit.validation.validator import Validator

ACCURATE = 0.9
FEWEST_LABELS = 20
CHANCE_MARGIN = 0.1
PROBE_SAMPLES = 64
FEWEST_GAINED = 5
DEVIATIONS = 3.0
SMALLEST_GAIN = 0.05
FEWEST_VALUES = 16
USUAL_ENDS = ((0, 1), (-1, 1))
FOLDERS_HINT = "if the subfolders are not the model's classes: --set sampling.class_folders=false"
HINT = "prepare the samples as in training"


class Probe(msgspec.Struct, frozen=True):
    """A change of the samples that undoes one mistake.

    Attributes:
        change: what is done to the samples, said after "on".
        fault: what is wrong with them if that helps.
        undoes: which odd range it is the remedy of.
    """

    change: str
    fault: str
    apply: Callable[[Array], Array]
    undoes: Literal["large", "small", "twice", ""] = ""


class Answer(msgspec.Struct, frozen=True):
    """Whether the model was right on each of some samples after a change."""

    probe: Probe
    right: Array


def weigh(
    findings: tuple[Finding, ...], validator: Validator, intake: Intake, options: SampleOptions
) -> tuple[Finding, ...]:
    """The findings after the source model has judged the labelled samples.

    A model that is right on them vouches for an odd range, unless it is as right with the mistake undone:
    some models do not mind a scale, and their calibration would be wrong all the same. One that is right
    only after a change, or no better than chance, adds an error.
    """
    labels, rows = intake.samples.labels, np.asarray(intake.split.validation)
    if labels is None or not intake.split.calibration or intake.samples.origin == "synthetic":
        return findings
    accuracy = measure_accuracy(validator.source_outputs, validator.source_outputs, labels[rows])
    if accuracy is None:
        return (*findings, *unused_labels(labels))
    ranges = [finding for finding in findings if finding.check == "range"]
    answers: list[Answer] = []
    before = (
        validator.source_outputs[accuracy.output][:PROBE_SAMPLES].argmax(-1) == labels[rows][:PROBE_SAMPLES]
    )
    if accuracy.value < ACCURATE or ranges:
        answers = ask(validator, intake, accuracy.output, options)
    classes = validator.source_outputs[accuracy.output].shape[1]
    fault = named_mistake(intake, before, answers) or near_chance(
        accuracy.value, len(rows), classes, are_folders=intake.samples.origin == "images"
    )
    if fault is not None:
        return (*findings, *accept([fault], options.accept))
    if len(rows) < FEWEST_LABELS:
        return findings
    is_open = is_indifferent(intake, before, answers)
    return tuple(each for each in findings if each not in ranges or (is_open and each.severity != "warning"))


def undecided(findings: tuple[Finding, ...], samples: Samples) -> list[Finding]:
    """The findings without those that the model itself decides about in `weigh`, given labels."""
    return [each for each in findings if each.check != "range" or samples.labels is None]


def unused_labels(labels: Array) -> Iterator[Finding]:
    """Labels that no output is the scores of."""
    message = f"no output is scores of {labels.max() + 1} classes: the labels judge nothing"
    yield Finding("accuracy", "warning", "", message, "are these the labels of this model?")


def near_chance(accuracy: float, count: int, classes: int, *, are_folders: bool = False) -> Finding | None:
    """An error where the model is about as often right as a guess; a warning where folders are the labels."""
    guess = 1 / classes
    if count < FEWEST_LABELS or accuracy > guess + CHANCE_MARGIN * (1 - guess):
        return None
    message = (
        f"the source model is right on {accuracy:.1%} of the labelled samples, no better than a guess among "
        f"{classes} classes: it is not trained, they are not prepared as in training, or the labels are not "
        "theirs"
    )
    if are_folders:
        return Finding("accuracy", "warning", "", message, FOLDERS_HINT)
    return Finding("accuracy", "error", "", message, HINT)


def ask(validator: Validator, intake: Intake, output: str, options: SampleOptions) -> list[Answer]:
    """What the model makes of some labelled samples after each change; nothing for several inputs."""
    labels, rows = intake.samples.labels, np.asarray(intake.split.validation)[:PROBE_SAMPLES]
    arrays = intake.samples.take(rows)
    name, values = next(iter(arrays.items()))
    is_one = len(arrays) == 1 and values.dtype.kind == "f" and values[0].size >= FEWEST_VALUES
    if labels is None or not is_one or np.ptp(values) == 0:
        return []
    answers = []
    for probe in probes(values, options):
        changed = probe.apply(values).astype(values.dtype)
        scores = scores_of(validator, {name: changed}, output)
        if scores is not None:
            answers.append(Answer(probe, scores.argmax(-1) == labels[rows]))
    return answers


def named_mistake(intake: Intake, before: Array, answers: list[Answer]) -> Finding | None:
    """An error that names the change after which the model is clearly more often right; None without one."""
    better = [answer for answer in answers if is_better(before, answer.right)]
    if not better:
        return None
    best = max(better, key=lambda answer: float(answer.right.mean()))
    message = (
        f"the samples are {best.probe.fault}: the source model is right on {before.mean():.1%} of the "
        f"labelled ones as they are, and on {best.right.mean():.1%} {best.probe.change}"
    )
    return Finding("accuracy", "error", next(iter(intake.samples.arrays)), message, HINT)


def is_indifferent(intake: Intake, before: Array, answers: list[Answer]) -> bool:
    """True where the model is not clearly worse with the mistake undone that the values' size suggests."""
    seen = intake.samples.take(intake.split.calibration)
    largest = float(np.abs(next(iter(seen.values()))).max())
    suspected = "large" if largest > LARGEST_USUAL else "small" if largest < SMALLEST_USUAL else "twice"
    rivals = [answer.right for answer in answers if answer.probe.undoes == suspected]
    return not rivals or not all(is_better(right, before) for right in rivals)


def scores_of(validator: Validator, inputs: Arrays, output: str) -> Array | None:
    """The source's scores on changed samples; None where it does not take them."""
    try:
        return validator.run_source(inputs)[output]
    except ConvertkitError:
        return None


def is_better(before: Array, after: Array) -> bool:
    """True where the change made the model right more often than luck would: McNemar's test, 3 deviations."""
    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    net = gained - lost
    is_sure = net >= DEVIATIONS * np.sqrt(gained + lost)
    return net >= max(FEWEST_GAINED, SMALLEST_GAIN * len(before)) and bool(is_sure)


def probes(values: Array, options: SampleOptions) -> Iterator[Probe]:
    """The changes to try, the plainest first."""
    yield Probe("divided by 255", "not divided by 255, or multiplied by it", lambda x: x / BYTE, "large")
    yield Probe("multiplied by 255", "divided by 255 once too often", lambda x: x * BYTE, "small")
    for each in known_normalisations(options):
        placed = per_channel(values, each.mean), per_channel(values, each.std)
        if placed[0] is None or placed[1] is None:
            continue
        mean, std = placed
        yield Probe(
            f"with {each.name} undone once",
            f"normalised twice (with {each.name})",
            lambda x, mean=mean, std=std: x * std + mean,  # type: ignore[misc]
            "twice",
        )
        yield Probe(
            f"after {each.name}",
            f"not normalised (with {each.name})",
            lambda x, mean=mean, std=std: (x - mean) / std,  # type: ignore[misc]
        )
        yield Probe(
            f"divided by 255 and after {each.name}",
            f"raw pixels, not normalised (with {each.name})",
            lambda x, mean=mean, std=std: (x / BYTE - mean) / std,  # type: ignore[misc]
            "large",
        )
    for low, high in USUAL_ENDS:
        yield Probe(
            f"stretched to {low} to {high}",
            "of another scale or offset than in training",
            lambda x, low=low, high=high: (x - x.min()) / np.ptp(x) * (high - low) + low,  # type: ignore[misc]
        )
    yield Probe(
        "with mean 0 and deviation 1", "not standardised as in training", lambda x: (x - x.mean()) / x.std()
    )
    yield Probe("inverted", "inverted (black for white)", lambda x: x.max() + x.min() - x)
    yield from image_probes(values)


def image_probes(values: Array) -> Iterator[Probe]:
    """Axes of images in another order."""
    if values.ndim != IMAGE_RANK:
        return
    is_first = values.shape[1] <= values.shape[3]
    channel, height, width = (1, 2, 3) if is_first else (3, 1, 2)
    if values.shape[height] == values.shape[width]:
        yield Probe(
            "with height and width swapped",
            "transposed",
            lambda x: np.ascontiguousarray(x.swapaxes(height, width)),
        )
    if values.shape[channel] == 3:
        yield Probe(
            "with the colours reversed", "BGR for RGB", lambda x: np.ascontiguousarray(np.flip(x, channel))
        )


def per_channel(values: Array, numbers: tuple[float, ...]) -> Array | None:
    """One number a channel, shaped to fit the samples; None where they have no so many channels."""
    if len(numbers) == 1:
        return np.full((1,) * values.ndim, numbers[0], np.float32)
    if values.ndim != IMAGE_RANK:
        return None
    for axis in (1, 3):
        if values.shape[axis] == len(numbers):
            shape = [1] * values.ndim
            shape[axis] = len(numbers)
            return np.array(numbers, np.float32).reshape(shape)
    return None
