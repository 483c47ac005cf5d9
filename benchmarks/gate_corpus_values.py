"""Ways to be wrong in all values of an output, and in what they mean as scores. NumPy only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.gate_corpus_case import Array, OutputWay, Role, Trials, quantized, sigmoid, softmax, view

TINY = 1e-7


def all_of(change: Callable[[Array], Array]) -> OutputWay:
    """The whole output."""

    def make(values: Array, role: Role) -> Trials:
        yield "all", np.asarray(change(values)).astype(values.dtype)

    return make


def one_place(value: float) -> OutputWay:
    """One entry, in the middle."""

    def make(values: Array, role: Role) -> Trials:
        wrong = values.copy()
        wrong.reshape(-1)[wrong.size // 2] = value
        yield "one entry", wrong

    return make


def one_sample(value: float) -> OutputWay:
    """All entries of the last sample."""

    def make(values: Array, role: Role) -> Trials:
        wrong = values.copy()
        wrong[-1] = value
        yield "the last sample", wrong

    return make


def dead_zone(values: Array) -> Array:
    """Nothing below the spread."""
    return np.where(np.abs(values - values.mean()) < values.std(), values.mean(), values)


def wrapped(values: Array) -> Array:
    """Values beyond half of the largest, as an INT8 that overflows."""
    limit = np.abs(values).max() / 2
    return (values + limit) % (2 * limit) - limit if limit else values


def off_by_zero_point(values: Array) -> Array:
    """Half of the range too high, as uint8 read as int8."""
    return values + (values.max() - values.min()) / 2


def noisy(values: Array) -> Array:
    """With noise of half its spread."""
    return values + np.random.default_rng(2).normal(0, values.std() / 2, values.shape)


def constant_by_channel(values: Array, role: Role) -> Trials:
    """Every channel at its mean."""
    if role.channels is not None:
        others = tuple(axis for axis in range(values.ndim) if axis != role.channels)
        yield "all", np.broadcast_to(values.mean(others, keepdims=True), values.shape).astype(values.dtype)


def in_range(kind: str, change: Callable[[Array, int], Array]) -> OutputWay:
    """Outputs of a softmax, or of a sigmoid; `change` is given the values and the axis of the classes."""

    def make(values: Array, role: Role) -> Trials:
        if role.range == kind and role.channels is not None:
            yield "all", change(values, role.channels).astype(values.dtype)

    return make


def logarithm(values: Array, axis: int) -> Array:
    return np.log(np.maximum(values, TINY))


def logit(values: Array, axis: int) -> Array:
    inside = np.clip(values, TINY, 1 - TINY)
    return np.log(inside / (1 - inside))


def logits_only(change: Callable[[Array, int], Array]) -> OutputWay:
    """Scores that went through no softmax."""

    def make(values: Array, role: Role) -> Trials:
        if role.is_scores and role.range == "free" and role.channels is not None:
            yield "all", change(values, role.channels).astype(values.dtype)

    return make


def scores(change: Callable[[Array, int], Array]) -> OutputWay:
    """One class after the other; `change` is given scores with the classes in front, and the class."""

    def make(values: Array, role: Role) -> Trials:
        if not role.is_scores or role.channels is None:
            return
        for number in range(values.shape[role.channels]):
            wrong = values.copy()
            classes = view(wrong, role.channels)
            classes[...] = change(classes.copy(), number)
            yield f"class {number}", wrong

    return make


def never(classes: Array, number: int) -> Array:
    """No more than the least of the others where it was the largest."""
    wins = classes.argmax(0) == number
    classes[number] = np.where(wins, classes.min(0), classes[number])
    return classes


def always(classes: Array, number: int) -> Array:
    """As much as the largest of any."""
    classes[number] = classes.max()
    return classes


def runner_up(classes: Array, number: int) -> Array:
    """Where it is the largest, exchanged with the next."""
    order = np.argsort(classes, 0)
    wins = classes.argmax(0) == number
    second = np.take_along_axis(classes, order[-2:-1], 0)
    first = np.take_along_axis(classes, order[-1:], 0)
    swapped = classes.copy()
    np.put_along_axis(swapped, order[-1:], second, 0)
    np.put_along_axis(swapped, order[-2:-1], first, 0)
    return np.where(wins, swapped, classes)


def hard(values: Array, axis: int) -> Array:
    """Half of the way from the answers to nothing but 0 and 1."""
    top = values == values.max(axis, keepdims=True)
    return (values + top) / 2


WAYS: dict[str, OutputWay] = {
    "zeros": all_of(np.zeros_like),
    "one constant": all_of(lambda x: np.full_like(x, x.mean())),
    "constant by channel": constant_by_channel,
    "doubled": all_of(lambda x: x * 2),
    "halved": all_of(lambda x: x / 2),
    "sign flipped": all_of(lambda x: -x),
    "in hundredths": all_of(lambda x: x / 100),
    "mean subtracted": all_of(lambda x: x - x.mean()),
    "off by its spread": all_of(lambda x: x + x.std()),
    "clipped to half of the largest": all_of(lambda x: np.clip(x, -np.abs(x).max() / 2, np.abs(x).max() / 2)),
    "the largest tenth clipped": all_of(lambda x: np.minimum(x, np.quantile(x, 0.9))),
    "one bit": all_of(lambda x: quantized(x, 2)),
    "two bits": all_of(lambda x: quantized(x, 4)),
    "three bits": all_of(lambda x: quantized(x, 8)),
    "integers only": all_of(np.round),
    "nothing below its spread": all_of(dead_zone),
    "negative values lost": all_of(lambda x: np.maximum(x, 0)),
    "positive values lost": all_of(lambda x: np.minimum(x, 0)),
    "without signs": all_of(np.abs),
    "between 0 and 6": all_of(lambda x: np.clip(x, 0, 6)),
    "wrapped at half of the largest": all_of(wrapped),
    "zero point off by half": all_of(off_by_zero_point),
    "noise of half its spread": all_of(noisy),
    "through a tanh too many": all_of(np.tanh),
    "through a sigmoid too many": all_of(sigmoid),
    "NaN at one place": one_place(np.nan),
    "infinite at one place": one_place(np.inf),
    "a sample of NaN": one_sample(np.nan),
    "softmax missing": in_range("softmax", logarithm),
    "softmax twice": in_range("softmax", softmax),
    "sigmoid missing": in_range("sigmoid", logit),
    "softmax sharpened": in_range("softmax", hard),
    "softmax over the samples": in_range("softmax", lambda x, axis: softmax(logarithm(x, axis), 0)),
    "softmax instead of scores": logits_only(softmax),
    "log-softmax instead of scores": logits_only(lambda x, axis: np.log(np.maximum(softmax(x, axis), TINY))),
    "a class never predicted": scores(never),
    "a class always predicted": scores(always),
    "the second best for a class": scores(runner_up),
}
