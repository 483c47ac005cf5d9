"""Ways to be wrong in one sample, and in the order of them. NumPy only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.gate_corpus_case import Array, OutputWay, Role, Trials, spread_out

MOST_SAMPLES = 64
BATCH = 4


def each(change: Callable[[Array, int], Array]) -> OutputWay:
    """One sample after the other, changed alone; `change` is given all samples and the number of one."""

    def make(values: Array, role: Role) -> Trials:
        for number in spread_out(len(values), MOST_SAMPLES):
            wrong = values.copy()
            wrong[number] = change(values, number)
            yield f"sample {number}", wrong

    return make


def every(change: Callable[[Array], Array]) -> OutputWay:
    """All samples together."""

    def make(values: Array, role: Role) -> Trials:
        yield "all", np.ascontiguousarray(change(values)).astype(values.dtype)

    return make


def deviation(values: Array) -> Array:
    """How far each sample is from the mean sample, root mean square."""
    apart = (values - values.mean(0)).reshape(len(values), -1)
    return np.sqrt((apart.astype(np.float64) ** 2).mean(1))


def noise(values: Array, number: int) -> Array:
    """Chance of the spread of all samples."""
    return np.random.default_rng(number).normal(values.mean(), values.std(), values.shape[1:])


def quarter_zeroed(choose_loudest: bool) -> OutputWay:
    """A quarter of the samples zeroed: those nearest to the mean sample, or farthest from it."""

    def make(values: Array, role: Role) -> Trials:
        order = np.argsort(deviation(values))
        chosen = (order[::-1] if choose_loudest else order)[: max(1, len(values) // 4)]
        wrong = values.copy()
        wrong[chosen] = 0
        yield f"{len(chosen)} samples", wrong

    return make


def exchanged(values: Array) -> Array:
    """Every sample in its neighbour's place."""
    count = len(values) // 2 * 2
    return np.concatenate([values[:count].reshape(-1, 2, *values.shape[1:])[:, ::-1].reshape(
        count, *values.shape[1:]), values[count:]])  # fmt: skip


def first_of_batch(values: Array) -> Array:
    """The first sample of each batch of four, four times."""
    return values[np.arange(len(values)) // BATCH * BATCH]


def stale_every_second(values: Array) -> Array:
    """Every second call answered as the call before."""
    return values[np.arange(len(values)) // 2 * 2]


def tail_lost(values: Array) -> Array:
    """The last of each batch of four never computed."""
    wrong = values.copy()
    wrong[BATCH - 1 :: BATCH] = 0
    return wrong


def one_norm(values: Array) -> Array:
    """Every sample scaled to the mean norm."""
    norms = np.sqrt((values.astype(np.float64) ** 2).reshape(len(values), -1).sum(1))
    factor = norms.mean() / np.maximum(norms, 1e-30)
    return values * factor.reshape(-1, *[1] * (values.ndim - 1))


def whitened(values: Array) -> Array:
    """Every sample by its own mean and spread, as a normalisation in training mode."""
    axes = tuple(range(1, values.ndim))
    mean, std = values.mean(axes, keepdims=True), values.std(axes, keepdims=True)
    return (values - mean) / np.maximum(std, 1e-12) * values.std() + values.mean()


WAYS: dict[str, OutputWay] = {
    "a sample zeroed": each(lambda x, n: np.zeros_like(x[n])),
    "a sample with the next one's answer": each(lambda x, n: x[(n + 1) % len(x)]),
    "a sample with the mean answer": each(lambda x, n: x.mean(0)),
    "a sample of noise": each(noise),
    "a sample doubled": each(lambda x, n: 2 * x[n]),
    "a sample halved": each(lambda x, n: x[n] / 2),
    "a sample's sign flipped": each(lambda x, n: -x[n]),
    "a sample whose values are reversed": each(lambda x, n: x[n].reshape(-1)[::-1].reshape(x[n].shape)),
    "answers one sample late": every(lambda x: np.roll(x, 1, 0)),
    "answers in reverse order": every(lambda x: x[::-1]),
    "neighbours exchanged": every(exchanged),
    "the first answer for every sample": every(lambda x: np.broadcast_to(x[:1], x.shape)),
    "the mean answer for every sample": every(lambda x: np.broadcast_to(x.mean(0), x.shape)),
    "the first answer of a batch for all of it": every(first_of_batch),
    "every second answer stale": every(stale_every_second),
    "the last of a batch never computed": every(tail_lost),
    "half of the way to the mean answer": every(lambda x: (x + x.mean(0)) / 2),
    "twice as far from the mean answer": every(lambda x: 2 * x - x.mean(0)),
    "all samples of one norm": every(one_norm),
    "all samples whitened": every(whitened),
    "the quiet quarter zeroed": quarter_zeroed(choose_loudest=False),
    "the loud quarter zeroed": quarter_zeroed(choose_loudest=True),
}
